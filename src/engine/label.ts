/** A label filter: `KEY`, or `KEY=VALUE`. */
export function matchesLabel(labels: Readonly<Record<string, string>> | null | undefined, wanted: string): boolean {
  const at = wanted.indexOf('=');
  if (labels === null || labels === undefined) return false;
  return at < 0 ? Object.hasOwn(labels, wanted) : labels[wanted.slice(0, at)] === wanted.slice(at + 1);
}
