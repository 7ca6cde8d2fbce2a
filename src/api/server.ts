/** The application on its unix socket. */
import { chmod, chown, lstat, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { dirname } from 'node:path';
import { AbodeError, conflict, hasErrno } from '../base/errors.ts';
import { makeDirectories, readFileIfThere } from '../base/files.ts';
import type { Api } from './context.ts';

/** Whoever may open the socket may do everything on this machine. */
const SOCKET_MODE = 0o660;
const IDLE_CHECK_MS = 20;

/** Makes the place of the socket free, before anything else is begun. */
export async function claimSocket(path: string): Promise<void> {
  await makeDirectories(dirname(path), 0o755);
  await removeStale(path);
}

/** On a path that was claimed. */
export async function listen(api: Api, path: string): Promise<void> {
  await api.listen({ path });
  const group = await findGroup('docker');
  if (group !== undefined) await chown(path, process.getuid?.() ?? 0, group);
  await chmod(path, SOCKET_MODE);
}

/** Ends open streams, lets requests finish, and cuts off what is left after `deadlineMs`. */
export async function close(api: Api, deadlineMs: number): Promise<void> {
  // A connection that is kept alive becomes idle when its last request ends, maybe after the server was closed.
  const idle = setInterval(() => {
    api.server.closeIdleConnections();
  }, IDLE_CHECK_MS);
  const deadline = setTimeout(() => {
    api.server.closeAllConnections();
  }, deadlineMs);
  try {
    await api.close();
  } finally {
    clearInterval(idle);
    clearTimeout(deadline);
  }
}

/** A socket file that nobody answers on is what a killed daemon left behind. */
async function removeStale(path: string): Promise<void> {
  try {
    const there = await lstat(path);
    if (!there.isSocket()) throw conflict(`${path} is in the way: it is not a socket`);
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return;
    throw error;
  }
  if (await answers(path)) {
    throw new AbodeError('conflict', `a daemon already answers on ${path}`, {
      hint: 'Stop it, or choose another socket with --socket',
    });
  }
  await rm(path, { force: true });
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const probe = connect(path);
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', (error) => {
      if (hasErrno(error, 'ECONNREFUSED', 'ENOENT')) resolve(false);
      else reject(error);
    });
  });
}

async function findGroup(name: string): Promise<number | undefined> {
  const line = ((await readFileIfThere('/etc/group')) ?? '').split('\n').find((entry) => entry.startsWith(`${name}:`));
  const id = line?.split(':')[2];
  return id === undefined ? undefined : Number(id);
}
