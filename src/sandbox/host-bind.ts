/** How a shim binds a directory or file of the host (docs/agent-protocol.md, MOUNT with ROOT). */
import { AgentError } from '../agent-client/connection.ts';
import { invalid, notFound } from '../base/errors.ts';
import type { HostMount } from './sandbox.ts';

// mount(2)
const MS_RDONLY = 1;
const MS_BIND = 4096;
const MS_REC = 16384;
const MS_SLAVE = 1 << 19;
const MS_SHARED = 1 << 20;

export function bindFlags(mount: HostMount): number {
  return (
    MS_BIND |
    (mount.recursive ? MS_REC : 0) |
    (isShared(mount) ? MS_SHARED : 0) |
    (mount.propagation.endsWith('slave') ? MS_SLAVE : 0) |
    (isReadonlyBelow(mount) ? MS_RDONLY : 0)
  );
}

export function isShared({ propagation }: HostMount): boolean {
  return propagation.endsWith('shared');
}

/** What is mounted below a read-only mount would stay writable. */
export function isReadonlyBelow({ writable, readonlyBelow }: HostMount): boolean {
  return !writable && readonlyBelow !== 'no';
}

/** A subpath is the user's: so is what is wrong with it. */
export function explainBind(error: unknown): never {
  if (error instanceof AgentError && error.agentCode === 'invalid') throw invalid(error.message);
  if (error instanceof AgentError && error.agentCode === 'not-found') throw notFound(error.message);
  throw error;
}
