/** The fields that are there: optional fields of the engine's contract are absent, never `undefined`. */
export function omitUndefined<T extends object>(value: {
  [K in keyof T]: T[K] | (undefined extends T[K] ? undefined : never);
}): T {
  return Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) as T;
}
