/** What the shim leaves behind when a process ends, for a daemon that was not there (docs/agent-protocol.md). */
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { readFileIfThere } from '../base/files.ts';
import type { ProcessExit } from './sandbox.ts';

const Record = Type.Object({ exitCode: Type.Integer(), signal: Type.Integer(), oom: Type.Boolean(), time: Type.String() });

/** Undefined where there is none, or none that can be read. */
export async function readExitRecord(path: string): Promise<ProcessExit | undefined> {
  const text = await readFileIfThere(path);
  if (text === undefined) return undefined;
  try {
    const data: unknown = JSON.parse(text);
    if (!Value.Check(Record, data)) return undefined;
    return { exitCode: data.exitCode, oomKilled: data.oom, time: data.time, reason: '' };
  } catch {
    return undefined;
  }
}
