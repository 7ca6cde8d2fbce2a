/** Attaching over a WebSocket, as web consoles do: both outputs together, without frames of Docker's own. */
import Type from 'typebox';
import type { Api, ApiContext } from '../context.ts';
import { first, flag, Parameter } from '../query.ts';
import { parseDetachKeys } from '../streams/detach-keys.ts';
import { pump } from '../streams/pump.ts';
import { followConnection } from '../streams/stream-reply.ts';
import { endConnection, switchConnection } from '../streams/upgrade.ts';
import { acceptHandshake, WebSocketStream } from '../streams/websocket.ts';
import { OPCODE } from '../streams/websocket-frames.ts';
import { apiMinor } from '../version.ts';
import { ContainerParams } from './reference.ts';

/** Clients before it take text for output. */
const BINARY_SINCE = 28;

export function routeAttachWebSocket(api: Api, { engine, streams, log }: ApiContext): void {
  const querystring = Type.Object({
    detachKeys: Parameter,
    logs: Parameter,
    stream: Parameter,
    stdin: Parameter,
    stdout: Parameter,
    stderr: Parameter,
  });
  api.get('/containers/:id/attach/ws', { schema: { params: ContainerParams, querystring } }, async (request, reply) => {
    const { query } = request;
    const detachKeys = parseDetachKeys(first(query.detachKeys) ?? '');
    const record = engine.get(request.params.id);
    const answer = acceptHandshake(request.raw);
    const stream = flag(query.stream);
    const stdin = flag(query.stdin) && stream;
    const attachment = await engine.attach(record.id, {
      stdin,
      stdout: flag(query.stdout),
      stderr: flag(query.stderr),
      logs: flag(query.logs),
      stream,
    });
    const socket = switchConnection(request.raw, answer);
    if (socket === undefined) {
      attachment.close();
      throw new Error('a handshake without a connection of its own');
    }
    reply.hijack();
    const { signal } = followConnection(socket, streams);
    const channel = new WebSocketStream(socket, apiMinor(request.raw) < BINARY_SINCE ? OPCODE.TEXT : OPCODE.BINARY);
    const end = (): void => {
      channel.end();
      endConnection(socket);
    };
    const options = { stdin, stdinOnce: record.config.StdinOnce ?? false, detachKeys, together: true };
    // A WebSocket has no half: who has said goodbye hears nothing any more.
    channel.input.on('end', end);
    pump(attachment, { input: channel.input, output: channel.output, signal, end }, options, log).catch((error: unknown) => {
      log.error({ err: error }, 'an attached WebSocket broke off');
      socket.destroy();
    });
  });
}
