/** `WWW-Authenticate`: what a registry asks for before it answers (RFC 9110, section 11; distribution's token specification). */
export interface Challenge {
  readonly scheme: 'basic' | 'bearer';
  readonly parameters: ReadonlyMap<string, string>;
}

const MAX_HEADER = 8192;
const start = /^\s*,?\s*(basic|bearer)(?=\s|,|$)/i;
const parameter = /^\s*,?\s*([!#$%&'*+.^_`|~0-9A-Za-z-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]*))/;

/** The challenges that can be answered; a scheme of another name ends the reading, as what follows may be a part of it. */
export function parseChallenges(header: string): Challenge[] {
  const challenges: Challenge[] = [];
  let rest = header.slice(0, MAX_HEADER);
  for (;;) {
    const scheme = start.exec(rest);
    if (scheme === null) return challenges;
    rest = rest.slice(scheme[0].length);
    const parameters = new Map<string, string>();
    for (let found = parameter.exec(rest); found !== null; found = parameter.exec(rest)) {
      parameters.set((found[1] ?? '').toLowerCase(), found[2]?.replaceAll(/\\(.)/g, '$1') ?? found[3] ?? '');
      rest = rest.slice(found[0].length);
    }
    challenges.push({ scheme: scheme[1]?.toLowerCase() === 'basic' ? 'basic' : 'bearer', parameters });
  }
}
