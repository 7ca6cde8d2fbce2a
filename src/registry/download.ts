/** One blob into a file: taken up where it broke off, and whole and verified when this returns. */
import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { AbodeError, invalid } from '../base/errors.ts';
import { refusedPull } from './failure.ts';
import type { Answer, RegistrySession } from './session.ts';

export interface Blob {
  readonly digest: string; // sha256:…
  readonly size: number;
}

export interface DownloadOptions {
  readonly path: string; // a file to be made
  readonly name: string; // of the image, for messages
  readonly signal: AbortSignal;
  readonly report: (bytes: number) => void;
}

/** Failures in a row without one more byte; the pauses between them add up to 15 s. */
const MAX_FAILURES = 5;
const FIRST_PAUSE_MS = 500;

export async function downloadBlob(session: RegistrySession, blob: Blob, options: DownloadOptions): Promise<void> {
  await using file = await open(options.path, 'wx', 0o600);
  let hash = createHash('sha256');
  let have = 0;
  let failures = 0;
  while (have < blob.size) {
    const before = have;
    try {
      const answer = await session.get(`blobs/${blob.digest}`, have === 0 ? {} : { range: `bytes=${String(have)}-` });
      if (have > 0 && answer.status === 200) {
        // It does not know ranges: from the beginning.
        hash = createHash('sha256');
        have = 0;
      } else await checkAnswer(session, answer, have, options.name);
      for await (const chunk of answer.body as AsyncIterable<Buffer>) {
        if (have + chunk.length > blob.size)
          throw invalid(`${blob.digest} is larger than the ${String(blob.size)} bytes that its manifest says`);
        hash.update(chunk);
        await writeAt(file, chunk, have);
        have += chunk.length;
        options.report(have);
      }
      if (have < blob.size)
        throw new AbodeError('unavailable', `unexpected EOF after ${String(have)} of ${String(blob.size)} bytes of ${blob.digest}`);
    } catch (error) {
      options.signal.throwIfAborted();
      if (!isTransient(error)) throw error;
      failures = have > before ? 1 : failures + 1;
      if (failures > MAX_FAILURES) throw error;
      await sleep(FIRST_PAUSE_MS * 2 ** (failures - 1), undefined, { signal: options.signal });
    }
  }
  const digest = `sha256:${hash.digest('hex')}`;
  if (digest !== blob.digest) throw invalid(`filesystem layer verification failed for digest ${blob.digest}`);
}

async function checkAnswer(session: RegistrySession, answer: Answer, have: number, name: string): Promise<void> {
  if (have === 0 ? answer.status === 200 : answer.status === 206) {
    if (have > 0 && rangeStart(answer.header('content-range')) !== have)
      throw invalid(`the registry sent another part of a layer than asked for`);
    return;
  }
  throw refusedPull({ status: answer.status, body: await session.readError(answer), name, reference: name });
}

/** The first byte of `bytes 5-9/10`. */
export function rangeStart(header: string): number | undefined {
  const found = /^bytes (\d{1,15})-\d{1,15}\/(?:\d{1,15}|\*)$/.exec(header);
  return found === null ? undefined : Number(found[1]);
}

/** Another attempt may do better: no answer, a broken one, a server in trouble. What is ours or the user's stays as it is. */
function isTransient(error: unknown): boolean {
  if (error instanceof AbodeError) return error.code === 'unavailable';
  return error instanceof Error && 'code' in error && /^(UND_ERR_|ECONN|EPIPE|ETIMEDOUT)/.test(String(error.code));
}

async function writeAt(file: Awaited<ReturnType<typeof open>>, chunk: Buffer, position: number): Promise<void> {
  for (let written = 0; written < chunk.length;) {
    written += (await file.write(chunk, written, chunk.length - written, position + written)).bytesWritten;
  }
}
