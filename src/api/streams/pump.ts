/** Between a client's connection and a process: output one way, input the other, each at the receiver's pace. */
import type { Readable, Writable } from 'node:stream';
import type { Attachment } from '../../engine/api.ts';
import type { Log } from '../../base/log.ts';
import { DetachScanner } from './detach-keys.ts';
import { frameChunk } from './frame.ts';
import { writeTo } from './write.ts';

export interface Channel {
  /** What the client sends. */
  readonly input: Readable;
  readonly output: Writable;
  readonly signal: AbortSignal;
  /** Ends the output; what was written still arrives. */
  readonly end: () => void;
}

export interface PumpOptions {
  readonly stdin: boolean;
  /** The end of the client's input ends the process's, and output goes on; otherwise, and on a terminal, it only ends the session. */
  readonly stdinOnce: boolean;
  /** Looked for when the process has a terminal; bytes that are no keystrokes pass as they are. */
  readonly detachKeys: readonly number[];
  /** Both outputs as they come, without saying which is which. */
  readonly together?: boolean;
}

/** Runs until the process's output ended, the client detached or left, or the daemon closes; then ends the output. */
export async function pump(attachment: Attachment, channel: Channel, options: PumpOptions, log: Log): Promise<void> {
  const close = (): void => {
    attachment.close();
  };
  channel.signal.addEventListener('abort', close, { once: true });
  if (channel.signal.aborted) close();
  if (options.stdin) {
    sendInput(attachment, channel, options).catch((error: unknown) => {
      // The process ended or closed its input, or the connection broke: the output says what happened.
      log.debug({ err: error }, 'input ended early');
      channel.input.resume();
    });
  } else {
    channel.input.on('error', () => undefined).resume();
  }
  try {
    for await (const chunk of attachment.output) {
      if (channel.signal.aborted) break;
      if (chunk.data.length > 0) await writeTo(channel.output, ...frameChunk(chunk, attachment.tty || options.together === true));
    }
  } finally {
    channel.signal.removeEventListener('abort', close);
    close();
    channel.end();
    channel.input.resume();
  }
}

async function sendInput(attachment: Attachment, channel: Channel, options: PumpOptions): Promise<void> {
  const scanner = attachment.tty ? new DetachScanner(options.detachKeys) : undefined;
  for await (const data of channel.input.iterator({
    destroyOnReturn: false,
  }) as AsyncIterable<Buffer>) {
    const scanned = scanner?.scan(data) ?? { data, detached: false };
    if (scanned.data.length > 0) await attachment.write(scanned.data);
    if (scanned.detached) {
      leave();
      return;
    }
  }
  if (options.stdinOnce && !attachment.tty) attachment.endInput();
  else leave();

  function leave(): void {
    attachment.close();
    channel.end();
  }
}
