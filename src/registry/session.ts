/**
 * Requests to one repository of a registry: finds the scheme, answers challenges, follows redirects. Credentials go to the
 * registry itself and to the token server that it names, to nobody else, and never over plain HTTP unless the registry is there too.
 */
import { Agent, type Dispatcher, request } from 'undici';
import { AbodeError } from '../base/errors.ts';
import { type Challenge, parseChallenges } from './challenge.ts';
import type { Endpoint } from './endpoint.ts';
import { registryError, unreachable } from './failure.ts';

export interface Credentials {
  readonly username: string;
  readonly password: string;
}

export interface SessionOptions {
  readonly endpoint: Endpoint;
  readonly repository: string; // library/busybox
  readonly credentials?: Credentials | undefined;
  readonly signal: AbortSignal;
}

export interface Answer {
  readonly status: number;
  readonly body: Dispatcher.ResponseData['body'];
  header(name: string): string;
}

const MAX_REDIRECTS = 5;
const MAX_TOKEN_BODY = 1 << 20;
const MAX_ERROR_BODY = 64 << 10;
const REDIRECTS = [301, 302, 303, 307, 308];

export class RegistrySession implements AsyncDisposable {
  readonly #options: SessionOptions;
  readonly #agent: Agent;
  #base: URL | undefined;
  #authorization: string | undefined;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#agent = new Agent({
      connections: 8,
      maxHeaderSize: 16 << 10,
      headersTimeout: 30_000,
      bodyTimeout: 60_000,
      connect: { timeout: 15_000, rejectUnauthorized: !options.endpoint.insecure },
    });
  }

  /** `path` is below the repository: `manifests/latest`. A 401 was answered already, once. */
  async get(path: string, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
    const base = (this.#base ??= await this.#connect());
    const url = new URL(`/v2/${this.#options.repository}/${path}`, base);
    const answer = await this.#follow(url, headers);
    if (answer.status !== 401) return answer;
    const challenges = parseChallenges(answer.header('www-authenticate'));
    if (!(await this.#answer(challenges))) return answer;
    await answer.body.dump();
    return await this.#follow(url, headers);
  }

  /** A small body whole. */
  async read({ body }: Answer, limit: number, what: string): Promise<Buffer> {
    const chunks: Buffer[] = [];
    let length = 0;
    for await (const chunk of body as AsyncIterable<Buffer>) {
      length += chunk.length;
      if (length > limit) throw new AbodeError('unavailable', `the registry sent ${what} of more than ${String(limit)} bytes`);
      chunks.push(chunk);
    }
    return Buffer.concat(chunks);
  }

  /** What an error says; no more of it than a person reads. */
  async readError(answer: Answer): Promise<string> {
    return (await this.read(answer, MAX_ERROR_BODY, 'an error')).toString();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#agent.destroy();
  }

  /** HTTPS, and where that may be and is not there, HTTP. */
  async #connect(): Promise<URL> {
    const { host, insecure } = this.#options.endpoint;
    const secure = new URL(`https://${host}`);
    try {
      await this.#ping(secure);
      return secure;
    } catch (error) {
      if (!insecure || this.#options.signal.aborted) throw error;
      const plain = new URL(`http://${host}`);
      await this.#ping(plain);
      return plain;
    }
  }

  async #ping(base: URL): Promise<void> {
    const { body } = await this.#send(new URL('/v2/', base), {});
    await body.dump();
  }

  async #follow(first: URL, headers: Readonly<Record<string, string>>): Promise<Answer> {
    let url = first;
    for (let count = 0; count <= MAX_REDIRECTS; count += 1) {
      const own = url.origin === first.origin && this.#authorization !== undefined ? { authorization: this.#authorization } : {};
      const answer = await this.#send(url, { ...headers, ...own });
      if (!REDIRECTS.includes(answer.status)) return answer;
      await answer.body.dump();
      url = this.#elsewhere(answer.header('location'), url);
    }
    throw new AbodeError('unavailable', `Get "${first.href}": stopped after ${String(MAX_REDIRECTS)} redirects`);
  }

  /** An address that a registry names. From HTTPS nothing leads to HTTP. */
  #elsewhere(text: string, from: URL): URL {
    const url = URL.parse(text, from.href);
    if (url === null || text === '') throw new AbodeError('unavailable', `${from.origin} names an address that is none`);
    if (url.protocol === 'https:' || (url.protocol === 'http:' && from.protocol === 'http:')) return url;
    throw new AbodeError('unavailable', `${from.origin} leads to ${url.protocol}//${url.host}, which is not followed`);
  }

  async #answer(challenges: readonly Challenge[]): Promise<boolean> {
    const { credentials } = this.#options;
    const bearer = challenges.find(({ scheme }) => scheme === 'bearer');
    if (bearer !== undefined) {
      this.#authorization = `Bearer ${await this.#fetchToken(bearer)}`;
      return true;
    }
    if (credentials === undefined || !challenges.some(({ scheme }) => scheme === 'basic')) return false;
    this.#authorization = basic(credentials);
    return true;
  }

  async #fetchToken({ parameters }: Challenge): Promise<string> {
    const { repository, credentials, endpoint } = this.#options;
    const url = this.#elsewhere(parameters.get('realm') ?? '', this.#base ?? new URL(`https://${endpoint.host}`));
    const service = parameters.get('service');
    if (service !== undefined) url.searchParams.set('service', service);
    url.searchParams.set('scope', `repository:${repository}:pull`);
    const answer = await this.#send(url, credentials === undefined ? {} : { authorization: basic(credentials) });
    const body = (await this.read(answer, MAX_TOKEN_BODY, 'a token')).toString();
    if (answer.status === 401 || answer.status === 403) {
      throw new AbodeError('forbidden', `unauthorized: ${registryError(body)?.message ?? 'incorrect username or password'}`);
    }
    const token = answer.status === 200 ? tokenIn(body) : undefined;
    if (token === undefined) throw new AbodeError('unavailable', `${url.origin} gave no token: HTTP status ${String(answer.status)}`);
    return token;
  }

  async #send(url: URL, headers: Readonly<Record<string, string>>): Promise<Answer> {
    try {
      const answer = await request(url, {
        dispatcher: this.#agent,
        signal: this.#options.signal,
        headers: { 'user-agent': 'abode', ...headers },
      });
      return {
        status: answer.statusCode,
        body: answer.body,
        header: (name) => [answer.headers[name] ?? ''].flat()[0] ?? '',
      };
    } catch (error) {
      this.#options.signal.throwIfAborted();
      throw unreachable('Get', url, error);
    }
  }
}

function basic({ username, password }: Credentials): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}

function tokenIn(body: string): string | undefined {
  try {
    const parsed: unknown = JSON.parse(body);
    if (typeof parsed !== 'object' || parsed === null) return undefined;
    const token: unknown = 'token' in parsed ? parsed.token : 'access_token' in parsed ? parsed.access_token : undefined;
    return typeof token === 'string' && /^[\x21-\x7e]+$/.test(token) ? token : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
