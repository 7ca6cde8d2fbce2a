import type { ContainerConfig } from './record.ts';

/** A container's environment with what it has of itself: its host name, on a terminal its kind, what its links tell. What was given for these stays. */
export function withOwnEnvironment(config: ContainerConfig, tty: boolean, links: readonly string[] = []): string[] {
  const given = config.Env ?? [];
  const own = [`HOSTNAME=${config.Hostname ?? ''}`, ...(tty ? ['TERM=xterm'] : []), ...links];
  return [...given, ...own.filter((entry) => !given.some((other) => other.startsWith(entry.slice(0, entry.indexOf('=') + 1))))];
}
