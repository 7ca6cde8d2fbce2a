/** A connection that is attached to one process: it keeps all it gets and holds each frame against the protocol's rules. */
import assert from 'node:assert/strict';
import type { AgentConnection } from '../../src/agent-client/connection.ts';
import { FieldsBuilder, Tag } from '../../src/agent-client/fields.ts';
import { type Frame, FrameType, MAX_DATA, STDIN, STDOUT } from '../../src/agent-client/frame.ts';
import { withDeadline } from '../../src/base/deadline.ts';
import { type Exit, exitOf, PATIENCE_MS } from './exit.ts';

interface Output {
  readonly chunks: Buffer[];
  size: bigint;
  ended: boolean;
}

const newOutput = (): Output => ({ chunks: [], size: 0n, ended: false });

export class AttachedClient {
  readonly connection: AgentConnection;
  readonly proc: number;
  readonly exit: Promise<Exit>;
  readonly #outputs = [newOutput(), newOutput(), newOutput()] as const;
  #written = 0n;
  #violation: Error | undefined;

  constructor(connection: AgentConnection, proc: number) {
    this.connection = connection;
    this.proc = proc;
    this.exit = withDeadline(
      new Promise((resolve, reject) => {
        connection.on('frame', (frame) => {
          try {
            this.#receive(frame);
          } catch (error) {
            reject((this.#violation ??= error as Error));
          }
          if (frame.type === FrameType.EXIT) resolve(exitOf(frame));
        });
        connection.on('close', () => {
          reject(new Error('the shim closed the connection'));
        });
      }),
      PATIENCE_MS,
      `the exit of process ${String(proc)}`,
    );
    this.exit.catch(() => undefined); // told to whoever awaits it
  }

  static async attach(connection: AgentConnection, proc: number, streams: number): Promise<AttachedClient> {
    const client = new AttachedClient(connection, proc);
    await withDeadline(
      connection.request(FrameType.ATTACH, new FieldsBuilder().add(Tag.STREAMS, streams), proc),
      PATIENCE_MS,
      'the answer to ATTACH',
    );
    return client;
  }

  output(stream: number = STDOUT): Buffer {
    return Buffer.concat(this.#output(stream).chunks);
  }

  text(stream: number = STDOUT): string {
    return this.output(stream).toString('utf8');
  }

  size(stream: number = STDOUT): number {
    return Number(this.#output(stream).size);
  }

  ended(stream: number): boolean {
    return this.#output(stream).ended;
  }

  async write(data: string | Buffer): Promise<void> {
    const bytes = Buffer.from(data);
    for (let at = 0; at < bytes.length; at += MAX_DATA) {
      const payload = bytes.subarray(at, at + MAX_DATA);
      await this.connection.send({
        type: FrameType.DATA,
        stream: STDIN,
        proc: this.proc,
        position: this.#written,
        payload,
      });
      this.#written += BigInt(payload.length);
    }
  }

  endInput(): Promise<void> {
    return this.connection.send({
      type: FrameType.EOF,
      stream: STDIN,
      proc: this.proc,
      position: this.#written,
    });
  }

  #output(stream: number): Output {
    return this.#outputs[stream] ?? assert.fail(`stream ${String(stream)}`);
  }

  /** Rules 6 and 7: DATA is contiguous from where the client came in, EOF tells the length, EXIT comes last. */
  #receive(frame: Frame): void {
    assert.equal(frame.proc, this.proc, 'a frame of another process');
    assert.equal(frame.request, 0, 'an event with a request number');
    const output = this.#output(frame.stream);
    if (frame.type === FrameType.DATA) {
      assert.ok(frame.payload.length > 0 && frame.payload.length <= MAX_DATA, 'the size of DATA');
      assert.ok(!output.ended, 'DATA after EOF');
      if (output.chunks.length === 0) output.size = frame.position;
      assert.equal(frame.position, output.size, 'the position of DATA');
      output.size += BigInt(frame.payload.length);
      output.chunks.push(frame.payload);
    } else if (frame.type === FrameType.EOF) {
      assert.ok(!output.ended, 'EOF twice');
      if (output.chunks.length > 0) assert.equal(frame.position, output.size, 'the position of EOF');
      output.ended = true;
    }
  }
}
