/** Keeps the exceptions beside Docker in place: it may be installed, started or restarted at any time. */
import type { ChildProcess } from 'node:child_process';
import { messageOf } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { spawnPiped } from '../base/process.ts';
import { allowBesideDocker } from './firewall.ts';

/** A burst of changes of the ruleset is answered once, this long after its first. */
const SETTLE_MS = 200;
const RESTART_MS = 5000;

export class DockerWatch {
  readonly #bridge: string;
  readonly #log: Log;
  #monitor: ChildProcess | undefined;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(bridge: string, log: Log) {
    this.#bridge = bridge;
    this.#log = log;
  }

  /** Listens to the kernel's own notices (`nft monitor`), so that no polling is needed: of rules too, since a chain may be flushed. */
  start(): void {
    if (this.#stopped) return;
    const monitor = spawnPiped('nft', ['monitor', 'ruleset'], { stdio: ['ignore', 'pipe', 'ignore'] });
    this.#monitor = monitor;
    monitor.stdout?.on('data', (chunk: Buffer) => {
      if (chunk.includes('DOCKER-USER') || chunk.includes('FORWARD')) this.#schedule();
    });
    const again = (): void => {
      if (!this.#stopped)
        setTimeout(() => {
          this.start();
        }, RESTART_MS).unref();
    };
    monitor.once('error', again);
    monitor.once('close', again);
    this.#schedule();
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.#monitor?.kill('SIGKILL');
  }

  #schedule(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      allowBesideDocker(this.#bridge).then(
        (added) => {
          if (added) this.#log.info({ bridge: this.#bridge }, 'added exceptions to DOCKER-USER');
        },
        (error: unknown) => {
          this.#log.warn({ error: messageOf(error) }, 'could not add exceptions to DOCKER-USER');
        },
      );
    }, SETTLE_MS);
  }
}
