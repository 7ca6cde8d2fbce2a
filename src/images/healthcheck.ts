/** HEALTHCHECK [--interval=…] [--timeout=…] [--start-period=…] [--start-interval=…] [--retries=N] CMD … | NONE */
import { invalid } from '../base/errors.ts';
import type { HealthConfig } from './api.ts';
import { parseDuration } from './duration.ts';

type TimeField = 'Interval' | 'Timeout' | 'StartPeriod' | 'StartInterval';

const times: ReadonlyMap<string, TimeField> = new Map([
  ['interval', 'Interval'],
  ['timeout', 'Timeout'],
  ['start-period', 'StartPeriod'],
  ['start-interval', 'StartInterval'],
]);
const NS_PER_MS = 1_000_000;

export function parseHealthcheck(text: string, parseList: (text: string) => string[] | undefined): HealthConfig {
  const { flags, rest } = takeFlags(text);
  const [, word, command = ''] = /^(\S+)\s*([^]*)$/.exec(rest) ?? [];
  if (word === undefined) throw invalid('HEALTHCHECK requires at least one argument');
  const kind = word.toUpperCase();
  if (kind === 'NONE') {
    if (command !== '') throw invalid('HEALTHCHECK NONE takes no arguments');
    return { Test: ['NONE'] };
  }
  if (kind !== 'CMD') throw invalid(`Unknown type ${JSON.stringify(kind)} in HEALTHCHECK (try CMD)`);
  if (command === '') throw invalid('Missing command after HEALTHCHECK CMD');
  const list = parseList(command);
  return { Test: list === undefined ? ['CMD-SHELL', command] : ['CMD', ...list], ...flags };
}

function takeFlags(text: string): { flags: HealthConfig; rest: string } {
  let rest = text;
  const flags: HealthConfig = {};
  for (let match = flagPattern.exec(rest); match !== null; match = flagPattern.exec(rest)) {
    const [whole, name = '', value = ''] = match;
    Object.assign(flags, readFlag(name, value));
    rest = rest.slice(whole.length);
  }
  return { flags, rest };
}

const flagPattern = /^--([^=\s]+)(?:=(\S*))?(?:\s+|$)/;

function readFlag(name: string, value: string): HealthConfig {
  if (name === 'retries') {
    const retries = Number(value);
    if (!Number.isInteger(retries)) throw invalid(`strconv.ParseInt: parsing ${JSON.stringify(value)}: invalid syntax`);
    if (retries < 1) throw invalid(`--retries must be at least 1 (not ${value})`);
    return { Retries: retries };
  }
  const field = times.get(name);
  if (field === undefined) throw invalid(`Unknown flag: ${name}`);
  const nanoseconds = parseDuration(value);
  if (nanoseconds !== 0 && nanoseconds < NS_PER_MS) throw invalid(`Interval ${JSON.stringify(`--${name}`)} cannot be less than 1ms`);
  return { [field]: nanoseconds };
}
