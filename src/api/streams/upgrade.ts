/**
 * Docker's hijacked connections: `Connection: Upgrade` turns one into a plain byte stream. Node's parser lets go of such a
 * connection before the request's body; the request then takes the usual way through routes, schemas and errors, and a
 * route that got its stream ready takes the connection over. Anything else is answered as plain HTTP and closed.
 */
import { type IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { Readable } from 'node:stream';
import { invalid } from '../../base/errors.ts';
import { MAX_JSON } from '../body.ts';
import type { Api } from '../context.ts';

interface Upgrade {
  readonly socket: Socket;
  readonly response: ServerResponse;
}

/** How long a client may keep its half of a connection open that is over. */
const LINGER_MS = 1000;

const upgrades = new WeakMap<IncomingMessage, Upgrade>();
/** What a WebSocket can be attached to. */
const WEBSOCKET = /^(\/v[\d.]+)?\/containers\/[^/]+\/attach\/ws(\?|$)/;
const HIJACKED = /^(\/v[\d.]+)?\/(containers\/[^/]+\/attach|exec\/[^/]+\/start)(\?|$)/;

/** Of all requests that offer an upgrade only these get one; the rest stay ordinary requests. */
export function wantsUpgrade(request: IncomingMessage): boolean {
  const url = request.url ?? '';
  return (request.method === 'POST' && HIJACKED.test(url)) || (request.method === 'GET' && WEBSOCKET.test(url));
}

export function routeUpgrades(api: Api): void {
  api.server.on('upgrade', (request: IncomingMessage, socket, head: Buffer) => {
    if (!(socket instanceof Socket)) return;
    socket.on('error', () => undefined);
    socket.setTimeout(0);
    if (head.length > 0) socket.unshift(head);
    const response = new ServerResponse(request);
    response.shouldKeepAlive = false;
    response.assignSocket(socket);
    response.on('finish', () => {
      response.detachSocket(socket);
      endConnection(socket);
    });
    upgrades.set(request, { socket, response });
    api.routing(request, response);
  });
  api.addHook('preParsing', async (request, _reply, payload) => {
    const upgrade = upgrades.get(request.raw);
    const length = Number(request.headers['content-length'] ?? 0);
    if (upgrade === undefined || length === 0) return payload;
    if (length > MAX_JSON) throw invalid('invalid JSON: http: request body too large');
    return Readable.from([await readExactly(upgrade.socket, length)], { objectMode: false });
  });
}

/** Switches the connection over, if the client asked for it. From here on it belongs to the caller. */
export function takeConnection(request: IncomingMessage, contentType: string): Socket | undefined {
  return switchConnection(request, ['HTTP/1.1 101 UPGRADED', `Content-Type: ${contentType}`, 'Connection: Upgrade', 'Upgrade: tcp']);
}

/** The same with the lines of another answer. */
export function switchConnection(request: IncomingMessage, answer: readonly string[]): Socket | undefined {
  const upgrade = upgrades.get(request);
  if (upgrade === undefined) return undefined;
  upgrade.response.detachSocket(upgrade.socket);
  upgrade.socket.write(`${answer.join('\r\n')}\r\n\r\n`);
  return upgrade.socket;
}

/** After the last byte: lets the client read it and leave by itself, but does not wait for ever. */
export function endConnection(socket: Socket): void {
  let timer: NodeJS.Timeout | undefined;
  socket.end(() => {
    timer = setTimeout(() => socket.destroy(), LINGER_MS);
  });
  // Closed with input unread, the client would see a reset instead of the end.
  socket.resume();
  socket.on('close', () => {
    clearTimeout(timer);
  });
}

/** The next `length` bytes; what came after them goes back. */
function readExactly(socket: Socket, length: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let missing = length;
    const finish = (settle: () => void): void => {
      socket.off('data', take);
      socket.off('end', cutOff);
      socket.off('close', cutOff);
      socket.pause();
      settle();
    };
    const take = (chunk: Buffer): void => {
      chunks.push(chunk.subarray(0, missing));
      const rest = chunk.subarray(missing);
      missing = Math.max(0, missing - chunk.length);
      if (missing > 0) return;
      finish(() => {
        if (rest.length > 0) socket.unshift(rest);
        resolve(Buffer.concat(chunks));
      });
    };
    const cutOff = (): void => {
      finish(() => {
        reject(invalid('invalid JSON: unexpected EOF'));
      });
    };
    socket.on('data', take);
    socket.on('end', cutOff);
    socket.on('close', cutOff);
  });
}
