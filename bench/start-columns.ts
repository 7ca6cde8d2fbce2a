/** The ways in which the benchmark runs `docker run`. */
import type { ImageFacts } from '../src/docker-client/client.ts';
import type { AbodeClient } from '../src/docker-client/abode-client.ts';
import { startPodman } from '../src/compare/podman-service.ts';
import { transferImage } from '../src/compare/transfer-image.ts';
import { DockerClient } from '../src/docker-client/client.ts';
import { startScratchDaemon, waitForPool } from './abode-daemon.ts';
import { findDockerd } from './docker-daemon.ts';

export const IMAGE = 'abode/base';

export interface StartColumn {
  readonly name: string;
  readonly engine: string;
  /** Arguments of the docker client, between `run` and the image. */
  readonly host: string;
  readonly flags: readonly string[];
  readonly image: string;
  /** Not measured: what must be so before a run. */
  settle(signal: AbortSignal): Promise<void>;
}

export interface HeldMemory {
  readonly daemon: string;
  readonly template: number; // bytes
  readonly pool: number; // bytes
}

export interface StartColumns {
  readonly columns: readonly StartColumn[];
  readonly accelerator: () => Promise<string | undefined>;
  readonly held: () => Promise<HeldMemory[]>;
}

export interface ColumnOptions {
  readonly dockerSocket: string;
  readonly pool: number;
  readonly podman: boolean;
  readonly runId: string;
  readonly signal: AbortSignal;
  readonly cleanUp: AsyncDisposableStack;
}

export async function prepareColumns(options: ColumnOptions): Promise<StartColumns> {
  const { cleanUp, signal, pool } = options;
  const plain = await startScratchDaemon(0, cleanUp);
  const image = await plain.image(IMAGE, signal);
  const columns: StartColumn[] = [await peerColumn('dockerd', await findDockerd(options.dockerSocket, cleanUp), [], plain, image, options)];
  columns.push(await abodeColumn('container', plain, []), await abodeColumn('vm', plain, ['--runtime', 'vm']));
  const daemons = [{ daemon: 'pool off', client: plain }];
  if (pool > 0) {
    const pooled = await startScratchDaemon(pool, cleanUp);
    daemons.push({ daemon: `pool of ${String(pool)}`, client: pooled });
    columns.push({
      ...(await abodeColumn('vm, pool', pooled, ['--runtime', 'vm'])),
      settle: (within) => waitForPool(pooled, pool, within),
    });
  }
  if (options.podman) {
    const { socket, ulimits } = await startPodman(cleanUp, signal);
    const flags = ulimits.flatMap(({ Name, Soft, Hard }) => ['--ulimit', `${Name}=${String(Soft)}:${String(Hard)}`]);
    columns.push(await peerColumn('podman', new DockerClient(socket), flags, plain, image, options));
  }
  return {
    columns,
    accelerator: async () => (await plain.facts(signal)).accelerator,
    held: () =>
      Promise.all(
        daemons.map(async ({ daemon, client }) => {
          const { templateBytes, poolBytes } = await client.facts(signal);
          return { daemon, template: templateBytes, pool: poolBytes };
        }),
      ),
  };
}

async function abodeColumn(name: string, client: AbodeClient, flags: readonly string[]): Promise<StartColumn> {
  const { version } = await client.version();
  return {
    name,
    engine: `Abode ${version}`,
    host: `unix://${client.socket}`,
    flags,
    image: IMAGE,
    settle: () => Promise.resolve(),
  };
}

async function peerColumn(
  name: string,
  client: DockerClient,
  flags: readonly string[],
  abode: AbodeClient,
  image: ImageFacts,
  { runId, signal, cleanUp }: ColumnOptions,
): Promise<StartColumn> {
  const [{ version }, own] = await Promise.all([
    client.version(signal),
    transferImage(client, { abode, reference: IMAGE, image, runId, signal, cleanUp }),
  ]);
  return {
    name,
    engine: `${name} ${version}`,
    host: `unix://${client.socket}`,
    flags,
    image: own,
    settle: () => Promise.resolve(),
  };
}
