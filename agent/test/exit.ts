/** The end of a process as EXIT tells it. */
import { Fields, Tag } from '../../src/agent-client/fields.ts';
import type { Frame } from '../../src/agent-client/frame.ts';

/** How long anything may take that should take milliseconds. */
export const PATIENCE_MS = 20_000;

export interface Exit {
  readonly exitCode: number | undefined;
  readonly signal: number | undefined;
  readonly oom: number | undefined;
}

export function exitOf(frame: Frame): Exit {
  const fields = Fields.parse(frame.payload);
  return {
    exitCode: fields.number(Tag.EXIT_CODE),
    signal: fields.number(Tag.SIGNAL),
    oom: fields.number(Tag.OOM),
  };
}
