/** HTTP over an engine's unix socket. */
import { Agent, type IncomingMessage, request as httpRequest } from 'node:http';
import type { Duplex, Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { connectionError, EngineError } from './errors.ts';

export interface CallOptions {
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: object;
  /** A body that is no JSON: an archive. */
  readonly archive?: Readable;
  readonly signal?: AbortSignal | undefined;
}

/** The first version with all that is used here; every engine of these years speaks it. */
const API = '/v1.41';
/** Errors and JSON answers are read whole, up to here. */
const MAX_ANSWER = 64 << 20;

export class Transport {
  readonly socket: string;
  readonly #agent = new Agent({ keepAlive: true });

  constructor(socket: string) {
    this.socket = socket;
  }

  /** The parsed answer; undefined where it has no body. */
  async call(method: string, path: string, options: CallOptions = {}): Promise<unknown> {
    const answer = await this.open(method, path, options);
    const text = await readText(answer).catch((error: unknown) => Promise.reject(connectionError(this.socket, error)));
    return text === '' || !isJson(answer) ? undefined : JSON.parse(text);
  }

  /** The answer's body as it comes. */
  async open(method: string, path: string, options: CallOptions = {}): Promise<IncomingMessage> {
    const content = options.body === undefined ? undefined : Buffer.from(JSON.stringify(options.body));
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      const request = httpRequest({
        socketPath: this.socket,
        agent: this.#agent,
        method,
        path: API + path + queryOf(options.query),
        headers: headersOf(content, options.archive),
        signal: options.signal,
      });
      request.on('response', resolve);
      request.on('error', reject);
      // An engine that refuses early closes its end; its answer says why.
      if (options.archive === undefined) request.end(content);
      else pipeline(options.archive, request).catch(reject);
    }).catch((error: unknown) => Promise.reject(connectionError(this.socket, error)));
    const status = answer.statusCode ?? 0;
    if (status >= 200 && status < 300) return answer;
    throw new EngineError(status, await readText(answer).catch(() => ''));
  }

  /** A request whose connection becomes a plain byte stream (Docker's "hijack"). */
  hijack(path: string, options: CallOptions = {}): Promise<{ socket: Duplex; head: Buffer }> {
    const content = options.body === undefined ? undefined : Buffer.from(JSON.stringify(options.body));
    return new Promise<{ socket: Duplex; head: Buffer }>((resolve, reject) => {
      const request = httpRequest({
        socketPath: this.socket,
        agent: false,
        method: 'POST',
        path: API + path + queryOf(options.query),
        headers: { 'Content-Length': 0, ...headersOf(content, undefined), Connection: 'Upgrade', Upgrade: 'tcp' },
        signal: options.signal,
      });
      request.on('upgrade', (_answer, socket, head) => {
        resolve({ socket, head });
      });
      request.on('response', (answer) => {
        readText(answer).then((text) => {
          reject(new EngineError(answer.statusCode ?? 0, text));
        }, reject);
      });
      request.on('error', reject);
      request.end(content);
    }).catch((error: unknown) => Promise.reject(connectionError(this.socket, error)));
  }
}

function queryOf(query: CallOptions['query']): string {
  return query === undefined ? '' : `?${new URLSearchParams(query).toString()}`;
}

function headersOf(content: Buffer | undefined, archive: Readable | undefined): Record<string, string | number> {
  if (content !== undefined) return { Host: 'engine', 'Content-Type': 'application/json', 'Content-Length': content.length };
  if (archive !== undefined) return { Host: 'engine', 'Content-Type': 'application/x-tar', 'Transfer-Encoding': 'chunked' };
  return { Host: 'engine' };
}

function isJson(answer: IncomingMessage): boolean {
  return (answer.headers['content-type'] ?? '').startsWith('application/json');
}

async function readText(answer: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_ANSWER) throw new Error(`the answer is longer than ${String(MAX_ANSWER)} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
