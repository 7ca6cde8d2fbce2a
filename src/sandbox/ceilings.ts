/** The highest resource limits that this machine lets Abode set, and what this process may hand on. */
import { readFileSync } from 'node:fs';
import { capabilitiesInMask } from './capabilities.ts';

/** getrlimit(2)'s numbers on x86-64. */
export const RLIMITS: ReadonlyMap<string, number> = new Map(
  [
    'RLIMIT_CPU',
    'RLIMIT_FSIZE',
    'RLIMIT_DATA',
    'RLIMIT_STACK',
    'RLIMIT_CORE',
    'RLIMIT_RSS',
    'RLIMIT_NPROC',
    'RLIMIT_NOFILE',
    'RLIMIT_MEMLOCK',
    'RLIMIT_AS',
    'RLIMIT_LOCKS',
    'RLIMIT_SIGPENDING',
    'RLIMIT_MSGQUEUE',
    'RLIMIT_NICE',
    'RLIMIT_RTPRIO',
    'RLIMIT_RTTIME',
  ].map((name, number): [string, number] => [name, number]),
);

/** As /proc/self/limits names them. */
const TITLES: ReadonlyMap<string, string> = new Map([
  ['Max cpu time', 'RLIMIT_CPU'],
  ['Max file size', 'RLIMIT_FSIZE'],
  ['Max data size', 'RLIMIT_DATA'],
  ['Max stack size', 'RLIMIT_STACK'],
  ['Max core file size', 'RLIMIT_CORE'],
  ['Max resident set', 'RLIMIT_RSS'],
  ['Max processes', 'RLIMIT_NPROC'],
  ['Max open files', 'RLIMIT_NOFILE'],
  ['Max locked memory', 'RLIMIT_MEMLOCK'],
  ['Max address space', 'RLIMIT_AS'],
  ['Max file locks', 'RLIMIT_LOCKS'],
  ['Max pending signals', 'RLIMIT_SIGPENDING'],
  ['Max msgqueue size', 'RLIMIT_MSGQUEUE'],
  ['Max nice priority', 'RLIMIT_NICE'],
  ['Max realtime priority', 'RLIMIT_RTPRIO'],
  ['Max realtime timeout', 'RLIMIT_RTTIME'],
]);

const CAP_SYS_RESOURCE = 'CAP_SYS_RESOURCE';

export interface Ceilings {
  /** Empty where any limit may be raised. */
  readonly rlimits: ReadonlyMap<string, bigint>;
  /** What `--privileged` can give here. */
  readonly capabilities: readonly string[];
}

export function readCeilings(): Ceilings {
  const status = readFileSync('/proc/self/status', 'utf8');
  const mask = (name: string): bigint => BigInt(`0x${new RegExp(`^${name}:\\s*([0-9a-f]+)$`, 'm').exec(status)?.[1] ?? '0'}`);
  // Only a capability that is both held and in the bounding set can be handed on.
  const capabilities = capabilitiesInMask(mask('CapPrm') & mask('CapBnd'));
  if (capabilities.includes(CAP_SYS_RESOURCE)) return { rlimits: new Map(), capabilities };
  return { rlimits: parseLimits(readFileSync('/proc/self/limits', 'utf8')), capabilities };
}

export function parseLimits(text: string): Map<string, bigint> {
  const limits = new Map<string, bigint>();
  for (const line of text.split('\n')) {
    const [, title = '', hard = ''] = /^(Max [a-z ]+?)\s{2,}\S+\s+(\S+)/.exec(line) ?? [];
    const name = TITLES.get(title);
    if (name !== undefined && hard !== 'unlimited') limits.set(name, BigInt(hard));
  }
  return limits;
}
