import type { EventEmitter } from 'node:events';

interface Sink extends EventEmitter {
  write(chunk: Uint8Array): boolean;
  readonly destroyed: boolean;
}

/** Writes and waits until the stream wants more. False when it was closed meanwhile: its own error tells why. */
export async function writeChunk(sink: Sink, chunk: Uint8Array): Promise<boolean> {
  if (sink.destroyed) return false;
  if (sink.write(chunk)) return true;
  return await new Promise<boolean>((resolve) => {
    const settle = (open: boolean): void => {
      sink.off('drain', onDrain);
      sink.off('close', onClose);
      resolve(open);
    };
    const onDrain = (): void => {
      settle(true);
    };
    const onClose = (): void => {
      settle(false);
    };
    sink.on('drain', onDrain);
    sink.on('close', onClose);
    if (sink.destroyed) settle(false);
  });
}
