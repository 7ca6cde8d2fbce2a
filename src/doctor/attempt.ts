/** Tries a command whose failure is an answer, not an error. */
import { messageOf } from '../base/errors.ts';
import { run } from '../base/process.ts';

export type Outcome = { readonly works: true; readonly output: string } | { readonly works: false; readonly why: string };

const ATTEMPT_MS = 10_000;

export async function attempt(command: string, args: readonly string[], input?: string): Promise<Outcome> {
  try {
    const { stdout } = await run(command, args, {
      timeoutMs: ATTEMPT_MS,
      ...(input === undefined ? {} : { input }),
    });
    return { works: true, output: stdout.trim() };
  } catch (error) {
    return { works: false, why: messageOf(error).split('\n')[0] ?? '' };
  }
}
