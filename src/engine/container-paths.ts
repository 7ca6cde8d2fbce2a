/** Where a container's files are. */
import { join } from 'node:path';
import type { Config } from '../config/config.ts';

export interface ContainerPaths {
  /** Lasts: writable layer, log, injected files. */
  readonly rootDir: string;
  /** Does not last over a reboot. Short: a unix socket's path has at most 107 bytes. */
  readonly runDir: string;
  readonly log: string;
}

export function containerPaths(config: Config, id: string): ContainerPaths {
  const rootDir = join(config.root, 'containers', id);
  return { rootDir, runDir: join(config.runDir, 'c', runName(id)), log: join(rootDir, `${id}-json.log`) };
}

export function runName(id: string): string {
  return id.slice(0, 24);
}
