/**
 * Published ports: each is held by the port keeper, so that nobody else takes it, and translated by the kernel, which the keeper tells.
 * Both outlive the daemon. Where the kernel cannot be told, somebody took the bridge's table away: it is made anew, one time after the other.
 */
import { messageOf } from '../../base/errors.ts';
import { Exclusive } from '../../base/exclusive.ts';
import type { Log } from '../../base/log.ts';
import type { Bridge } from '../bridge.ts';
import { installRules, tableName } from '../firewall.ts';
import { PortKeeper } from './keeper.ts';
import type { PortRequest, Publication, PublishedPort } from './published-port.ts';

export interface PortsOptions {
  readonly agentPath: string;
  readonly socketPath: string;
  readonly log: Log;
}

export interface Held {
  readonly ports: readonly PublishedPort[];
  /** Resolves when the kernel translates. */
  readonly translated: Promise<void>;
}

const PAUSE_MS = 1000;

export class Ports {
  readonly #bridge: Bridge;
  readonly #log: Log;
  readonly #keeper: PortKeeper;
  readonly #publications = new Map<string, Publication>();
  readonly #exclusive = new Exclusive();
  #heldAgainAt = 0;

  constructor(bridge: Bridge, options: PortsOptions) {
    this.#bridge = bridge;
    this.#log = options.log;
    this.#keeper = new PortKeeper(options.agentPath, options.socketPath, tableName(bridge.name), () => {
      this.#holdAllAgain();
    });
  }

  /** Takes over what a former daemon published: ports of all others are let go, what is not held any more is held again. */
  async adopt(publications: readonly Publication[]): Promise<void> {
    for (const publication of publications) this.#publications.set(publication.owner, publication);
    const kept = await this.#keeper.keep([...this.#publications.keys()]);
    await this.#holdAgain(publications.filter(({ owner }) => !kept.has(owner)));
  }

  /** All that is asked for, or an error in Docker's words and nothing. */
  async publish(owner: string, address: string, requests: readonly PortRequest[]): Promise<Held> {
    if (requests.length === 0) return { ports: [], translated: Promise.resolve() };
    const { ports, translated } = await this.#keeper.hold(owner, address, requests);
    this.#publications.set(owner, { owner, address, ports });
    const mended = translated ? Promise.resolve() : this.#mend(owner);
    // Whoever waits for it is told; nobody may be there to wait.
    mended.catch(() => undefined);
    return { ports, translated: mended };
  }

  async withdraw(owner: string): Promise<void> {
    if (!this.#publications.delete(owner)) return;
    if (!(await this.#keeper.letGo(owner))) await this.#mend();
  }

  all(): Publication[] {
    return [...this.#publications.values()];
  }

  close(): Promise<void> {
    return this.#keeper.close(this.#publications.size === 0);
  }

  /** Rules that somebody else took away are all put back. */
  async #mend(owner?: string): Promise<void> {
    await this.#exclusive.run('rules', async () => {
      this.#log.warn({ bridge: this.#bridge.name }, "the bridge's rules are installed anew");
      await installRules(this.#bridge, this.all());
    });
    if (owner !== undefined) await this.#keeper.translated(owner);
  }

  #holdAllAgain(): void {
    if (this.#publications.size === 0) return;
    this.#log.warn({}, 'the port keeper is gone: it is begun anew');
    // One that ends as soon as it is begun is not begun without a pause.
    const wait = Math.max(0, this.#heldAgainAt + PAUSE_MS - Date.now());
    this.#heldAgainAt = Date.now() + wait;
    setTimeout(() => {
      this.#holdAgain(this.all()).catch((error: unknown) => {
        this.#log.error({ error: messageOf(error) }, 'beginning the port keeper anew');
      });
    }, wait).unref();
  }

  async #holdAgain(publications: readonly Publication[]): Promise<void> {
    for (const publication of publications) {
      // Withdrawn while others were held again.
      if (this.#publications.get(publication.owner) !== publication) continue;
      try {
        const { translated } = await this.#keeper.holdAgain(publication);
        if (!translated) await this.#mend(publication.owner);
      } catch (error) {
        this.#log.error({ container: publication.owner, error: messageOf(error) }, 'holding published ports again');
      }
      if (!this.#publications.has(publication.owner)) await this.#keeper.letGo(publication.owner);
    }
  }
}
