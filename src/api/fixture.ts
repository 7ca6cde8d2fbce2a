/** Test code: the API with a fake engine, on a socket of its own. */
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { createLog } from '../base/log.ts';
import { loadConfig } from '../config/config.ts';
import { createApi } from './app.ts';
import type { Api } from './context.ts';
import { FakeEngine, FakeImages } from './fake-engine.ts';
import { claimSocket, close, listen } from './server.ts';

export interface Fixture {
  readonly api: Api;
  readonly engine: FakeEngine;
  readonly images: FakeImages;
  readonly socket: string;
}

export async function startApi(t: TestContext): Promise<Fixture> {
  const directory = await mkdtemp(join(tmpdir(), 'abode-api-'));
  const images = new FakeImages();
  images.add('bb:1');
  images.add('registry.example:5000/team/app:2');
  const engine = new FakeEngine(images);
  const config = loadConfig({ root: join(directory, 'root'), runDir: directory }, {});
  const api = createApi({
    engine,
    images,
    config,
    log: createLog('silent'),
    version: '0.0.1',
    components: [{ name: 'crun', version: '1.8.1' }],
  });
  await claimSocket(config.socket);
  await listen(api, config.socket);
  t.after(async () => {
    await close(api, 1000);
    await rm(directory, { recursive: true });
  });
  return { api, engine, images, socket: config.socket };
}

/** A client that is only a socket. */
export class RawClient {
  readonly socket: Socket;
  received: Buffer = Buffer.alloc(0);
  ended = false;

  constructor(path: string) {
    this.socket = connect({ path, allowHalfOpen: true });
    this.socket.on('data', (data) => {
      this.received = Buffer.concat([this.received, data]);
    });
    this.socket.on('end', () => {
      this.ended = true;
    });
    this.socket.on('close', () => {
      this.ended = true;
    });
    this.socket.on('error', () => undefined);
  }

  send(text: string | Buffer): void {
    this.socket.write(text);
  }

  post(url: string, headers: readonly string[], body = ''): void {
    const length = body === '' ? [] : [`Content-Length: ${String(Buffer.byteLength(body))}`];
    this.send(`${[`POST ${url} HTTP/1.1`, 'Host: abode', ...headers, ...length].join('\r\n')}\r\n\r\n${body}`);
  }

  async until(wanted: () => boolean, what: string): Promise<void> {
    const deadline = Date.now() + 5000;
    while (!wanted()) {
      if (Date.now() > deadline)
        throw new Error(`${what}: not within 5 s; received ${JSON.stringify(this.received.subarray(0, 500).toString('latin1'))}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  /** Head and body of what came so far. */
  split(): { head: string; body: Buffer } {
    const at = this.received.indexOf('\r\n\r\n');
    return { head: this.received.subarray(0, at).toString(), body: this.received.subarray(at + 4) };
  }
}

export const UPGRADE: readonly string[] = ['Connection: Upgrade', 'Upgrade: tcp'];

/** Taken apart again: which stream, what. */
export function readFrames(body: Buffer): Array<[stream: number, text: string]> {
  const frames: Array<[number, string]> = [];
  for (let at = 0; at + 8 <= body.length;) {
    const length = body.readUInt32BE(at + 4);
    frames.push([body[at] ?? 0, body.subarray(at + 8, at + 8 + length).toString()]);
    at += 8 + length;
  }
  return frames;
}
