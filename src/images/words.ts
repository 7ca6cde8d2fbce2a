/** Words of a Dockerfile instruction: quotes, escapes, $VARIABLES (BuildKit's shell lexer is the model). */
import { invalid } from '../base/errors.ts';

/** Splits at blanks outside quotes; quotes and escapes stay for expandWord. */
export function splitWords(text: string): string[] {
  const words: string[] = [];
  let word = '';
  let quote = '';
  for (let at = 0; at < text.length; at += 1) {
    const character = text.charAt(at);
    if (quote === '' && /\s/.test(character)) {
      if (word !== '') words.push(word);
      word = '';
      continue;
    }
    word += character;
    if (character === '\\' && quote !== "'") {
      at += 1;
      word += text.charAt(at);
    } else if (quote === '' && (character === "'" || character === '"')) {
      quote = character;
    } else if (character === quote) {
      quote = '';
    }
  }
  if (word !== '') words.push(word);
  return words;
}

/** Removes quotes and escapes, and puts in the variables. */
export function expandWord(word: string, variables: ReadonlyMap<string, string>): string {
  return new Expansion(word, variables).run();
}

class Expansion {
  readonly #word: string;
  readonly #variables: ReadonlyMap<string, string>;
  #at = 0;

  constructor(word: string, variables: ReadonlyMap<string, string>) {
    this.#word = word;
    this.#variables = variables;
  }

  run(): string {
    return this.#until('');
  }

  #until(stop: string): string {
    let result = '';
    for (;;) {
      const character = this.#word.charAt(this.#at);
      if (character === '' || character === stop) return result;
      this.#at += 1;
      if (character === "'") result += this.#singleQuoted();
      else if (character === '"') result += this.#doubleQuoted();
      else if (character === '$') result += this.#variable();
      else if (character === '\\') result += this.#next();
      else result += character;
    }
  }

  #next(): string {
    const character = this.#word.charAt(this.#at);
    this.#at += 1;
    return character;
  }

  #singleQuoted(): string {
    const end = this.#word.indexOf("'", this.#at);
    if (end < 0) throw this.#unfinished('single-quote');
    const text = this.#word.slice(this.#at, end);
    this.#at = end + 1;
    return text;
  }

  #doubleQuoted(): string {
    let result = '';
    for (;;) {
      const character = this.#next();
      if (character === '') throw this.#unfinished('double-quote');
      if (character === '"') return result;
      if (character === '$') {
        result += this.#variable();
      } else if (character === '\\') {
        const escaped = this.#next();
        result += escaped === '"' || escaped === '$' || escaped === '\\' ? escaped : `\\${escaped}`;
      } else {
        result += character;
      }
    }
  }

  /** `$NAME`, `${NAME}`, `${NAME:-default}`, `${NAME:+other}`; the dollar sign was read. */
  #variable(): string {
    if (this.#word.charAt(this.#at) !== '{') {
      const name = /^(?:[A-Za-z_]\w*|\d)/.exec(this.#word.slice(this.#at))?.[0];
      if (name === undefined) return '$';
      this.#at += name.length;
      return this.#variables.get(name) ?? '';
    }
    this.#at += 1;
    const name = /^[A-Za-z_]\w*/.exec(this.#word.slice(this.#at))?.[0] ?? '';
    this.#at += name.length;
    const value = this.#variables.get(name) ?? '';
    const modifier = /^:[-+]/.exec(this.#word.slice(this.#at))?.[0] ?? '';
    this.#at += modifier.length;
    const other = modifier === '' ? '' : this.#until('}');
    if (name === '' || this.#next() !== '}')
      throw invalid(`failed to process ${JSON.stringify(this.#word)}: unsupported or unfinished substitution`);
    if (modifier === ':+') return value === '' ? '' : other;
    return value === '' ? other : value;
  }

  #unfinished(quote: string): Error {
    return invalid(`failed to process ${JSON.stringify(this.#word)}: unexpected end of statement while looking for matching ${quote}`);
  }
}
