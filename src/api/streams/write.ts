import type { Writable } from 'node:stream';

/** Resolves when more may be written: at once, when the receiver caught up, or when it is gone. */
export async function writeTo(to: Writable, ...parts: readonly Uint8Array[]): Promise<void> {
  if (to.destroyed || to.writableEnded) return;
  let more = true;
  if (parts.length > 1) to.cork();
  for (const part of parts) more = to.write(part);
  if (parts.length > 1) to.uncork();
  if (more) return;
  await new Promise<void>((resolve) => {
    const go = (): void => {
      to.off('drain', go);
      to.off('close', go);
      resolve();
    };
    to.on('drain', go);
    to.on('close', go);
    if (to.destroyed) go();
  });
}
