/**
 * Published ports: each is held by the port keeper, so that nobody else takes it, and translated by the kernel. Both outlive the daemon.
 * Changes of the rules are made one after the other: a port that is let go may be another container's at once.
 */
import { messageOf } from '../../base/errors.ts';
import { Exclusive } from '../../base/exclusive.ts';
import type { Log } from '../../base/log.ts';
import { run } from '../../base/process.ts';
import type { Bridge } from '../bridge.ts';
import { installRules, tableName } from '../firewall.ts';
import { PortKeeper } from './keeper.ts';
import type { PortRequest, Publication, PublishedPort } from './published-port.ts';
import { addTranslations, deleteTranslations } from './translations.ts';

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
    this.#keeper = new PortKeeper(options.agentPath, options.socketPath, () => {
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
    const ports = await this.#keeper.hold(owner, address, requests);
    const publication = { owner, address, ports };
    this.#publications.set(owner, publication);
    const translated = this.#translate(publication);
    // Whoever waits for it is told; nobody may be there to wait.
    translated.catch(() => undefined);
    return { ports, translated };
  }

  async withdraw(owner: string): Promise<void> {
    const publication = this.#publications.get(owner);
    if (publication === undefined) return;
    this.#publications.delete(owner);
    // In this order: a datagram in between would be translated, and remembered.
    try {
      await this.#change(deleteTranslations(tableName(this.#bridge.name), publication));
    } finally {
      await this.#keeper.letGo(owner);
    }
  }

  all(): Publication[] {
    return [...this.#publications.values()];
  }

  close(): Promise<void> {
    return this.#keeper.close(this.#publications.size === 0);
  }

  async #translate(publication: Publication): Promise<void> {
    await this.#change(addTranslations(tableName(this.#bridge.name), publication));
    if (publication.ports.some(({ protocol }) => protocol === 'udp')) await this.#keeper.translated(publication.owner);
  }

  /** Rules that somebody else took away are all put back. */
  #change(commands: string): Promise<void> {
    if (commands === '') return Promise.resolve();
    return this.#exclusive.run('rules', async () => {
      try {
        await run('nft', ['-f', '-'], { input: commands });
      } catch (error) {
        this.#log.warn({ error: messageOf(error) }, "the bridge's rules are installed anew");
        await installRules(this.#bridge, this.all());
      }
    });
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
      await this.#keeper.holdAgain(publication).catch((error: unknown) => {
        this.#log.error({ container: publication.owner, error: messageOf(error) }, 'holding published ports again');
      });
      if (!this.#publications.has(publication.owner)) await this.#keeper.letGo(publication.owner);
    }
  }
}
