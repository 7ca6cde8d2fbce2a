import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withDeadline } from '../base/deadline.ts';
import type { Attachment, OutputChunk } from './api.ts';
import { DeferredAttachment } from './deferred-attachment.ts';

const within = <T>(promise: Promise<T>): Promise<T> => withDeadline(promise, 5000, 'the next output');

/** A process's end, whose output the test gives out. */
class Process implements Attachment {
  readonly tty = false;
  readonly written: string[] = [];
  inputEnded = false;
  closed = false;
  readonly #queue: OutputChunk[] = [];
  #ended = false;
  #wake: () => void = () => undefined;

  print(text: string, stream: OutputChunk['stream'] = 'stdout'): void {
    this.#queue.push({ stream, data: Buffer.from(text) });
    this.#wake();
  }

  end(): void {
    this.#ended = true;
    this.#wake();
  }

  get output(): AsyncIterable<OutputChunk> {
    return this.#chunks();
  }

  async write(data: Buffer): Promise<void> {
    this.written.push(data.toString());
  }

  endInput(): void {
    this.inputEnded = true;
  }

  close(): void {
    this.closed = true;
    this.end();
  }

  async *#chunks(): AsyncGenerator<OutputChunk> {
    for (;;) {
      const chunk = this.#queue.shift();
      if (chunk !== undefined) yield chunk;
      else if (this.#ended) return;
      else await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}

const deferred = (tty = false): DeferredAttachment => new DeferredAttachment(tty, () => undefined);

function reader(attachment: Attachment): { next: () => Promise<string>; rest: () => Promise<string[]> } {
  const output = attachment.output[Symbol.asyncIterator]();
  const show = ({ stream, data }: OutputChunk): string => `${stream}:${data.toString()}`;
  return {
    next: async () => {
      const { value, done } = await within(output.next());
      return done === true ? 'end' : show(value);
    },
    rest: () => within(Array.fromAsync({ [Symbol.asyncIterator]: () => output }, show)),
  };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('what the process prints comes in order, from its first byte to its last', async () => {
  const attachment = deferred();
  const process = new Process();
  const { rest } = reader(attachment);
  const all = rest();
  await turn();
  process.print('early');
  attachment.connect(process);
  await turn();
  process.print('late', 'stderr');
  process.end();
  assert.deepEqual(await all, ['stdout:early', 'stderr:late']);
});

test('announcements come before the process says anything: made before the reading, while it waits, and after the connection', async () => {
  const attachment = deferred();
  const process = new Process();
  attachment.announce('one\n');
  const { next, rest } = reader(attachment);
  assert.equal(await next(), 'stderr:one\n');
  const second = next();
  await turn();
  attachment.announce('two\n');
  assert.equal(await second, 'stderr:two\n');
  attachment.connect(process);
  await turn();
  const third = next();
  await turn();
  attachment.announce('three\n');
  assert.equal(await third, 'stderr:three\n');
  process.print('hello');
  process.end();
  assert.deepEqual(await rest(), ['stdout:hello']);
});

test('an announcement made while the one before it is being taken is not held back', async () => {
  const attachment = deferred();
  const { next } = reader(attachment);
  attachment.announce('one\n');
  assert.equal(await next(), 'stderr:one\n');
  // The reader is between two chunks now.
  attachment.announce('two\n');
  assert.equal(await next(), 'stderr:two\n');
  attachment.close();
});

test('announcements that wait when the first output comes are told before it', async () => {
  const attachment = deferred();
  const process = new Process();
  const { next, rest } = reader(attachment);
  attachment.announce('one\n');
  assert.equal(await next(), 'stderr:one\n');
  attachment.announce('two\n');
  attachment.announce('three\n');
  process.print('hello');
  process.end();
  attachment.connect(process);
  await turn();
  assert.deepEqual(await rest(), ['stderr:two\n', 'stderr:three\n', 'stdout:hello']);
});

test('an announcement that came with the first output comes before it', async () => {
  const attachment = deferred();
  const process = new Process();
  process.print('hello');
  process.end();
  attachment.connect(process);
  attachment.announce('ready\n');
  assert.deepEqual(await reader(attachment).rest(), ['stderr:ready\n', 'stdout:hello']);
});

test('on a terminal an announcement is output, with a carriage return', async () => {
  const attachment = deferred(true);
  attachment.announce('a\nb\n');
  assert.equal(await reader(attachment).next(), 'stdout:a\r\nb\r\n');
  attachment.close();
});

test('input waits for the process', async () => {
  const attachment = deferred();
  const process = new Process();
  const writing = attachment.write(Buffer.from('a')).then(() => attachment.write(Buffer.from('b')));
  attachment.endInput();
  await turn();
  assert.deepEqual(process.written, []);
  attachment.connect(process);
  await within(writing);
  assert.deepEqual(process.written, ['a', 'b']);
  assert.ok(process.inputEnded);
});

test('a process that never starts ends the output, and drops the input', async () => {
  const attachment = deferred();
  attachment.announce('trying\n');
  const all = reader(attachment).rest();
  attachment.connect(undefined);
  assert.deepEqual(await all, ['stderr:trying\n']);
  await within(attachment.write(Buffer.from('x')));
});

test('a client that leaves before the start is not connected, and its end is told once', async () => {
  let told = 0;
  const attachment = new DeferredAttachment(false, () => (told += 1));
  const all = reader(attachment).rest();
  await turn();
  attachment.close();
  attachment.close();
  assert.deepEqual(await all, []);
  assert.equal(told, 1);
  const process = new Process();
  attachment.connect(process);
  assert.ok(process.closed, 'the connection that nobody wants stayed open');
});

test('a client that leaves after the start closes its connection', async () => {
  const attachment = deferred();
  const process = new Process();
  attachment.connect(process);
  const all = reader(attachment).rest();
  await turn();
  attachment.close();
  assert.deepEqual(await all, []);
  assert.ok(process.closed);
});

test('output that fails is an error for the reader', async () => {
  const attachment = deferred();
  const failing: Attachment = {
    tty: false,
    output: {
      [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(new Error('the shim is gone')) }),
    },
    write: () => Promise.resolve(),
    endInput: () => undefined,
    close: () => undefined,
  };
  const all = reader(attachment).rest();
  attachment.connect(failing);
  await assert.rejects(all, /the shim is gone/);
});
