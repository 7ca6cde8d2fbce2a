/** An Abode daemon of the benchmark's own, in a scratch root. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { AbodeError } from '../src/base/errors.ts';
import { startDaemon, stopDaemon } from '../src/cli/daemon-process.ts';
import { loadConfig } from '../src/config/config.ts';
import { AbodeClient } from '../src/docker-client/abode-client.ts';

const POOL_MS = 120_000;

export async function startScratchDaemon(pool: number, cleanUp: AsyncDisposableStack): Promise<AbodeClient> {
  const scratch = await mkdtemp(join(tmpdir(), 'abode-bench-'));
  cleanUp.defer(() => rm(scratch, { recursive: true, force: true }));
  const config = loadConfig({ root: join(scratch, 'root'), runDir: join(scratch, 'run'), pool: String(pool) }, {});
  await startDaemon(config);
  const client = new AbodeClient(config.socket);
  cleanUp.defer(async () => {
    const left = await client.list({ all: true });
    await Promise.all(left.map((id) => client.remove(id, { force: true })));
    await stopDaemon(config);
  });
  return client;
}

/** A pool fills in the background; neither that work nor an empty pool belongs into a measurement. */
export async function waitForPool(client: AbodeClient, size: number, signal: AbortSignal): Promise<void> {
  const deadline = AbortSignal.timeout(POOL_MS);
  while ((await client.facts(signal)).poolSize < size) {
    if (deadline.aborted)
      throw new AbodeError('unavailable', `the pool did not reach ${String(size)} clones within ${String(POOL_MS / 1000)} s`);
    await sleep(20, undefined, { signal });
  }
}
