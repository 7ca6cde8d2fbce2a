/** One line of the doctor's report. */
export type Verdict = 'ok' | 'warn' | 'missing';

export interface Finding {
  readonly check: string;
  /** `warn`: Abode works, with less than it could; `missing`: what `disables` names does not work. */
  readonly verdict: Verdict;
  readonly detail: string;
  readonly disables?: string;
  /** The command, or the step, that mends it. */
  readonly mend?: string;
}

/** What the checks need to know. */
export interface Ground {
  /** The daemon's root directory; need not exist. */
  readonly root: string;
  /** The name of its bridge. */
  readonly bridge: string;
  /** What set-up built: agent/, guest/. */
  readonly build: string;
}

export type Check = (ground: Ground) => Promise<readonly Finding[]>;

export const ok = (check: string, detail: string): Finding => ({ check, verdict: 'ok', detail });

export function warn(check: string, detail: string, disables: string, mend: string): Finding {
  return { check, verdict: 'warn', detail, disables, mend };
}

export function missing(check: string, detail: string, disables: string, mend: string): Finding {
  return { check, verdict: 'missing', detail, disables, mend };
}

/** The command that installs Debian packages. */
export const install = (...packages: readonly string[]): string => `apt-get install -y --no-install-recommends ${packages.join(' ')}`;
