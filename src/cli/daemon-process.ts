/** The daemon as a process: started in the background, found again by its pid file, stopped. */
import { open, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { AbodeError, hasErrno } from '../base/errors.ts';
import { makeDirectories, readFileIfThere } from '../base/files.ts';
import { spawnDetached } from '../base/process.ts';
import type { Config } from '../config/config.ts';
import { metricsText } from '../config/metrics-address.ts';
import { DockerClient } from '../docker-client/client.ts';
import { EngineError } from '../docker-client/errors.ts';

const MAIN = fileURLToPath(new URL('../daemon/main.ts', import.meta.url));
const START_MS = 30_000;
const STOP_MS = 30_000;
const POLL_MS = 20;
const PING_MS = 5000;
const LAST_LINES = 15;

export async function answersPing(socket: string): Promise<boolean> {
  try {
    await new DockerClient(socket).ping(AbortSignal.timeout(PING_MS));
    return true;
  } catch (error) {
    // An engine that answers something is there.
    return error instanceof EngineError;
  }
}

function logPathOf(config: Config): string {
  return join(config.runDir, 'daemon.log');
}

/** Starts the daemon in a session of its own and waits until it answers. */
export async function startDaemon(config: Config, signal?: AbortSignal): Promise<void> {
  await makeDirectories(config.runDir, 0o711);
  const logPath = logPathOf(config);
  const log = await open(logPath, 'a', 0o600);
  const before = (await stat(logPath)).size;
  const child = spawnDetached(process.execPath, [MAIN, ...flagsOf(config)], {
    stdio: ['ignore', log.fd, log.fd],
    cwd: '/',
  });
  await log.close();
  const gone = new Promise<string>((resolve) => {
    child.once('error', (error) => {
      resolve(`it could not be run: ${error.message}`);
    });
    child.once('exit', (code, signalName) => {
      resolve(signalName === null ? `it ended with status ${String(code)}` : `it was ended by ${signalName}`);
    });
  });
  const deadline = AbortSignal.timeout(START_MS);
  for (;;) {
    const end = await Promise.race([gone, sleep(POLL_MS, undefined)]);
    if (await answersPing(config.socket)) return;
    // Another one may have been started at the same time: then that is waited for.
    if (end !== undefined && (await findDaemon(config)) === undefined)
      throw await startError(`the daemon did not start: ${end}`, logPath, before);
    if (end !== undefined) await sleep(POLL_MS);
    if (signal?.aborted === true || deadline.aborted) {
      child.kill('SIGTERM');
      signal?.throwIfAborted();
      throw await startError(`the daemon did not answer at ${config.socket} within ${String(START_MS / 1000)} s`, logPath, before);
    }
  }
}

/** Asks it to stop and waits until it is gone. Workloads go on. */
export async function stopDaemon(config: Config): Promise<void> {
  const pid = await findDaemon(config);
  if (pid === undefined) {
    throw new AbodeError(
      'unavailable',
      `the daemon answers at ${config.socket}, but ${join(config.runDir, 'daemon.pid')} does not name its process`,
      {
        hint: 'name the run directory that it was started with by --run-dir',
      },
    );
  }
  process.kill(pid, 'SIGTERM');
  const deadline = AbortSignal.timeout(STOP_MS);
  while (await isDaemon(pid)) {
    if (deadline.aborted) {
      throw new AbodeError('unavailable', `the daemon (process ${String(pid)}) did not stop within ${String(STOP_MS / 1000)} s`, {
        hint: `read ${logPathOf(config)}`,
      });
    }
    await sleep(POLL_MS);
  }
}

/** The process that the pid file names, if it is a daemon: a number alone may have passed to another process. */
export async function findDaemon(config: Config): Promise<number | undefined> {
  const text = await readFileIfThere(join(config.runDir, 'daemon.pid'));
  const pid = Number(/^\s*(\d+)/.exec(text ?? '')?.[1] ?? 0);
  return pid > 1 && (await isDaemon(pid)) ? pid : undefined;
}

async function isDaemon(pid: number): Promise<boolean> {
  try {
    const [commandLine, status] = await Promise.all([
      readFile(`/proc/${String(pid)}/cmdline`, 'utf8'),
      readFile(`/proc/${String(pid)}/stat`, 'utf8'),
    ]);
    const zombie = status.slice(status.lastIndexOf(')') + 2).startsWith('Z');
    return !zombie && /\/main\.ts(\0|$)/.test(commandLine);
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ESRCH')) return false;
    throw error;
  }
}

function flagsOf({ root, runDir, socket, pool, logLevel, metrics }: Config): string[] {
  const flags = ['--root', root, '--run-dir', runDir, '--socket', socket, '--pool', String(pool), '--log-level', logLevel];
  return metrics === undefined ? flags : [...flags, '--metrics-addr', metricsText(metrics)];
}

async function startError(message: string, logPath: string, offset: number): Promise<AbodeError> {
  const said = (await readFile(logPath)).subarray(offset).toString('utf8').trim();
  const lines = said === '' ? [] : said.split('\n').slice(-LAST_LINES);
  const log = lines.length === 0 ? 'its log says nothing' : `its log ends with:\n${lines.map((line) => `  ${line}`).join('\n')}`;
  return new AbodeError('unavailable', message, {
    hint: `run \`abode doctor\` to see what this machine lacks; ${log}`,
  });
}
