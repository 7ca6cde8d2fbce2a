/**
 * Starts shims through a small process of its own: a fork of the daemon itself copies the page tables of all its memory, which takes
 * longer than the rest of a container's start once a template was made (docs/decisions/0014).
 */
import type { Socket } from 'node:net';
import { AgentConnection, AgentError } from '../agent-client/connection.ts';
import { FieldsBuilder, Tag } from '../agent-client/fields.ts';
import { FrameType } from '../agent-client/frame.ts';
import { withDeadline } from '../base/deadline.ts';
import { AbodeError } from '../base/errors.ts';
import { spawnDetached } from '../base/process.ts';

const ANSWER_MS = 10_000;

const spawners = new Map<string, AgentConnection>();

/** Starts a shim in a directory that is there; its socket can be connected to when this resolves. */
export async function spawnShim(agentPath: string, directory: string, ephemeral: boolean): Promise<void> {
  const fields = new FieldsBuilder().add(Tag.PATH, directory).add(Tag.EPHEMERAL, ephemeral);
  const request = connectSpawner(agentPath).request(FrameType.SPAWN_SHIM, fields);
  try {
    await withDeadline(request, ANSWER_MS, `the start of a shim in ${directory}`);
  } catch (cause) {
    if (!(cause instanceof AgentError) && !(cause instanceof AbodeError && cause.code === 'unavailable')) throw cause;
    throw new AbodeError('internal', `the shim ${agentPath} could not be started: ${cause.message}`, { cause });
  }
}

/** The process that starts shims, begun at the first call while this one is small; one that was killed is begun again. */
export function connectSpawner(agentPath: string): AgentConnection {
  const known = spawners.get(agentPath);
  if (known !== undefined && !known.closed) return known;
  const child = spawnDetached(agentPath, ['spawner'], { stdio: ['ignore', 'ignore', 'ignore', 'pipe'] });
  const socket = child.stdio[3] as Socket;
  const connection = new AgentConnection(socket);
  // A program that is not there: who asks is told by the end of the connection.
  child.once('error', () => {
    connection.close();
  });
  socket.unref();
  spawners.set(agentPath, connection);
  return connection;
}
