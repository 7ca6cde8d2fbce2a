/** The calls of the Docker Engine API that the command line needs, against any engine's socket. */
import type { Readable } from 'node:stream';
import { AbodeError } from '../base/errors.ts';
import { Attached } from './attached.ts';
import { arrayOf, numberOf, objectOf, stringOf } from './answers.ts';
import type { Ulimit } from '../engine/record.ts';
import type { OutputListener } from './demultiplex.ts';
import { EngineError } from './errors.ts';
import { Transport } from './transport.ts';

export interface NewContainer {
  readonly image: string;
  /** Undefined: what the image says. */
  readonly command?: readonly string[] | undefined;
  readonly stdin: boolean;
  readonly runtime?: string | undefined;
  readonly networkMode?: string | undefined;
  /** For engines whose own defaults may not be set on every machine. */
  readonly ulimits?: readonly Ulimit[];
  readonly labels: Readonly<Record<string, string>>;
}

export interface EngineVersion {
  readonly name: string;
  readonly version: string;
}

export interface ImageFacts {
  readonly id: string;
  readonly size: number; // bytes, unpacked
}

type Signal = AbortSignal | undefined;

export class DockerClient {
  readonly transport: Transport;

  constructor(socket: string) {
    this.transport = new Transport(socket);
  }

  get socket(): string {
    return this.transport.socket;
  }

  async ping(signal?: Signal): Promise<void> {
    await this.transport.call('GET', '/_ping', { signal });
  }

  async version(signal?: Signal): Promise<EngineVersion> {
    const answer = objectOf(await this.transport.call('GET', '/version', { signal }), 'version');
    const platform = answer['Platform'];
    const name = typeof platform === 'object' && platform !== null && 'Name' in platform ? String(platform.Name) : '';
    return { name, version: stringOf(answer, 'Version') };
  }

  async create(container: NewContainer, signal?: Signal): Promise<string> {
    const body = {
      Image: container.image,
      ...(container.command !== undefined && { Cmd: container.command }),
      AttachStdin: container.stdin,
      AttachStdout: true,
      AttachStderr: true,
      OpenStdin: container.stdin,
      StdinOnce: container.stdin,
      Tty: false,
      Labels: container.labels,
      HostConfig: {
        ...(container.runtime !== undefined && { Runtime: container.runtime }),
        ...(container.networkMode !== undefined && { NetworkMode: container.networkMode }),
        ...(container.ulimits !== undefined && { Ulimits: container.ulimits }),
      },
    };
    return stringOf(objectOf(await this.transport.call('POST', '/containers/create', { body, signal }), 'container'), 'Id');
  }

  async attach(id: string, options: { stdin: boolean; listener: OutputListener; signal?: Signal }): Promise<Attached> {
    const query = { stream: '1', stdin: options.stdin ? '1' : '0', stdout: '1', stderr: '1' };
    const { socket, head } = await this.transport.hijack(`/containers/${id}/attach`, {
      query,
      signal: options.signal,
    });
    return new Attached(socket, head, options.listener);
  }

  async start(id: string, signal?: Signal): Promise<void> {
    await this.transport.call('POST', `/containers/${id}/start`, { signal });
  }

  /** Stops it if it runs; the engine's own grace period applies. */
  async stop(id: string, signal?: Signal): Promise<void> {
    await this.transport.call('POST', `/containers/${id}/stop`, { signal }).catch((error: unknown) => {
      if (!(error instanceof EngineError && error.status === 304)) throw error;
    });
  }

  /** The exit status of a container that ends, or has ended. */
  async wait(id: string, signal?: Signal): Promise<number> {
    return numberOf(objectOf(await this.transport.call('POST', `/containers/${id}/wait`, { signal }), 'exit status'), 'StatusCode');
  }

  /** The host's process id of a running container's init. */
  async processId(id: string, signal?: Signal): Promise<number> {
    const answer = objectOf(await this.transport.call('GET', `/containers/${id}/json`, { signal }), 'container');
    return numberOf(objectOf(answer['State'], 'State'), 'Pid');
  }

  async remove(id: string, options: { force: boolean; signal?: Signal }): Promise<void> {
    await this.transport.call('DELETE', `/containers/${id}`, {
      query: { force: options.force ? '1' : '0' },
      signal: options.signal,
    });
  }

  /** Ids; running ones only, unless `all`. */
  async list(options: { all: boolean; label?: string; signal?: Signal }): Promise<string[]> {
    const query = {
      all: options.all ? '1' : '0',
      ...(options.label !== undefined && { filters: JSON.stringify({ label: [options.label] }) }),
    };
    const answer = arrayOf(await this.transport.call('GET', '/containers/json', { query, signal: options.signal }), 'list');
    return answer.map((entry) => stringOf(objectOf(entry, 'container'), 'Id'));
  }

  async image(reference: string, signal?: Signal): Promise<ImageFacts> {
    const answer = objectOf(await this.transport.call('GET', `/images/${reference}/json`, { signal }), 'image');
    return { id: stringOf(answer, 'Id'), size: numberOf(answer, 'Size') };
  }

  /** Undefined when the engine has no such image. */
  async findImage(reference: string, signal?: Signal): Promise<ImageFacts | undefined> {
    try {
      return await this.image(reference, signal);
    } catch (error) {
      if (error instanceof EngineError && error.status === 404) return undefined;
      throw error;
    }
  }

  async tagImage(reference: string, repository: string, tag: string, signal?: Signal): Promise<void> {
    await this.transport.call('POST', `/images/${reference}/tag`, {
      query: { repo: repository, tag },
      signal,
    });
  }

  async removeImage(reference: string, signal?: Signal): Promise<void> {
    await this.transport.call('DELETE', `/images/${reference}`, { signal });
  }

  saveImage(reference: string, signal?: Signal): Promise<Readable> {
    return this.transport.open('GET', `/images/${reference}/get`, { signal });
  }

  /** The name under which the engine knows the loaded image. */
  async loadImage(archive: Readable, signal?: Signal): Promise<string> {
    const answer = await this.transport.open('POST', '/images/load', {
      query: { quiet: '1' },
      archive,
      signal,
    });
    let text = '';
    for await (const chunk of answer as AsyncIterable<Buffer>) text += chunk.toString('utf8');
    const failure = /"error":"((?:[^"\\]|\\.)*)"/.exec(text)?.[1];
    if (failure !== undefined) throw new AbodeError('internal', `the image could not be loaded: ${failure}`);
    const name = /Loaded image(?: ID)?: ([^\s"\\]+)/.exec(text)?.[1];
    if (name === undefined) throw new AbodeError('internal', 'the engine did not say what it loaded');
    return name;
  }
}
