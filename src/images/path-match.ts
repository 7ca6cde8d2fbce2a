/** Go's path.Match, which Docker's reference filter uses: `*` and `?` stop at a slash, `[a-z]`, `[^a]`, `\` escapes. */
import { invalid } from '../base/errors.ts';

export function compilePathPattern(pattern: string): (text: string) => boolean {
  let source = '';
  let at = 0;
  const bad = (): Error => invalid('syntax error in pattern');
  /** The code point of a character that stands for itself. */
  const literal = (): number => {
    if (pattern[at] === '\\') at += 1;
    const point = pattern.codePointAt(at);
    if (point === undefined) throw bad();
    at += String.fromCodePoint(point).length;
    return point;
  };
  const range = (): string => {
    let set = '';
    if (pattern[at] === '^') {
      set = '^';
      at += 1;
    }
    for (let first = true; first || pattern[at] !== ']'; first = false) {
      if (pattern[at] === '-' || pattern[at] === ']') throw bad();
      const low = literal();
      let high = low;
      if (pattern[at] === '-') {
        at += 1;
        if (pattern[at] === '-' || pattern[at] === ']') throw bad();
        high = literal();
      }
      // An empty range matches nothing in Go and is an error in a regular expression.
      if (low <= high) set += `${escape(low)}-${escape(high)}`;
    }
    at += 1;
    if (set === '') return '(?!)';
    return set === '^' ? '[^]' : `[${set}]`;
  };
  while (at < pattern.length) {
    const character = pattern[at];
    if (character === '*') {
      at += 1;
      // Runs of stars mean what one means, and would only make the expression slow.
      if (!source.endsWith('[^/]*')) source += '[^/]*';
    } else if (character === '?') {
      at += 1;
      source += '[^/]';
    } else if (character === '[') {
      at += 1;
      source += range();
    } else {
      source += escape(literal());
    }
  }
  const expression = new RegExp(`^${source}$`, 'su');
  return (text) => expression.test(text);
}

const escape = (point: number): string => `\\u{${point.toString(16)}}`;
