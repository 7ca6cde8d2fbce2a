/** JSON as Docker's clients expect it to be complained about: in the words of Go's decoder. */

/** Go's words for what is wrong with `text`, which JSON.parse refused with `error`. */
export function explainJson(error: unknown, text: string): string {
  const message = error instanceof Error ? error.message : '';
  if (/end of JSON input|Unterminated/.test(message)) return 'unexpected EOF';
  const position = /at position (\d+)/.exec(message);
  const token = /Unexpected token '(.)'/su.exec(message);
  const character = token?.[1] ?? (position === null ? undefined : text.charAt(Number(position[1])));
  if (character === undefined || character === '') return 'unexpected EOF';
  return `invalid character ${quote(character)} ${contextOf(message)}`;
}

function quote(character: string): string {
  return character === "'" ? `'\\''` : `'${JSON.stringify(character).slice(1, -1)}'`;
}

function contextOf(message: string): string {
  if (message.includes('property name')) return 'looking for beginning of object key string';
  if (message.includes("':'")) return 'after object key';
  if (message.includes('property value')) return 'after object key:value pair';
  if (message.includes('array element')) return 'after array element';
  if (message.includes('after JSON')) return 'after top-level value';
  if (message.includes('control character') || message.includes('escape')) return 'in string literal';
  return 'looking for beginning of value';
}

/** Go's name for a JSON value's type. */
export function kindOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  return typeof value === 'boolean' ? 'bool' : typeof value;
}
