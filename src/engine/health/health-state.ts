/** What health checks have shown of a container, and what the next result makes of it: Docker's rules, as pure functions. */
import type { HealthConfig } from '../../images/api.ts';

export type HealthStatus = 'starting' | 'healthy' | 'unhealthy';

export interface HealthResult {
  readonly start: string; // RFC 3339
  readonly end: string;
  readonly exitCode: number; // -1: it did not end in time, or could not be started
  readonly output: string;
}

export interface HealthState {
  readonly status: HealthStatus;
  readonly failingStreak: number;
  /** The last few, the newest at the end. */
  readonly log: readonly HealthResult[];
}

const KEPT = 5;
const NS_PER_MS = 1_000_000;
const DEFAULTS = { Interval: 30_000, Timeout: 30_000, StartPeriod: 0, StartInterval: 5000 } as const;
const RETRIES = 3;

/** Milliseconds. */
export function timeOf(config: HealthConfig, field: keyof typeof DEFAULTS): number {
  const given = config[field] ?? 0;
  return given === 0 ? DEFAULTS[field] : given / NS_PER_MS;
}

/** What a container begins its run with: what was seen before is still told. */
export function beginHealth(before: HealthState | undefined): HealthState {
  return { status: 'starting', failingStreak: 0, log: before?.log ?? [] };
}

/** While nothing checks it Docker takes a container for unhealthy: it has ended or is paused. */
export function suspendHealth(before: HealthState): HealthState {
  return { ...before, status: 'unhealthy' };
}

/** How long until the next check. */
export function intervalOf(config: HealthConfig, status: HealthStatus, upMs: number): number {
  return status === 'starting' && upMs < timeOf(config, 'StartPeriod') ? timeOf(config, 'StartInterval') : timeOf(config, 'Interval');
}

export function judge(before: HealthState, result: HealthResult, config: HealthConfig, startedAt: string): HealthState {
  const log = [...before.log, result].slice(-KEPT);
  if (result.exitCode === 0) return { status: 'healthy', failingStreak: 0, log };
  const upMs = Date.parse(result.start) - Date.parse(startedAt);
  // What has never been healthy may fail for as long as it was said to need for its start.
  if (before.status === 'starting' && upMs < timeOf(config, 'StartPeriod')) return { ...before, log };
  const failingStreak = before.failingStreak + 1;
  const retries = (config.Retries ?? 0) > 0 ? (config.Retries ?? 0) : RETRIES;
  return { status: failingStreak >= retries ? 'unhealthy' : before.status, failingStreak, log };
}

const SHELL = ['/bin/sh', '-c'];

/** What is run to check; undefined: nothing is checked. */
export function commandOf(config: HealthConfig | null | undefined, shell: readonly string[] | null | undefined): string[] | undefined {
  const [kind, ...words] = config?.Test ?? [];
  if (kind === 'CMD') return words;
  if (kind !== 'CMD-SHELL') return undefined;
  return [...(shell === undefined || shell === null || shell.length === 0 ? SHELL : shell), ...words];
}

/** What a request leaves out is the image's. */
export function mergeHealth(own: HealthConfig | null | undefined, image: HealthConfig | undefined): HealthConfig | undefined {
  if (own === undefined || own === null) return image;
  const merged: Record<string, unknown> = { ...image, ...withoutEmpty(own) };
  return merged;
}

function withoutEmpty(config: HealthConfig): HealthConfig {
  const isEmpty = (value: unknown): boolean =>
    value === null || value === undefined || value === 0 || (Array.isArray(value) && value.length === 0);
  return Object.fromEntries(Object.entries(config).filter(([, value]) => !isEmpty(value)));
}
