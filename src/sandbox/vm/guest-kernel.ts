/** A guest's files: /proc and cgroups, read by its agent. */
import { type Fields, FieldsBuilder, Tag } from '../../agent-client/fields.ts';
import { FrameType } from '../../agent-client/frame.ts';
import { explainUnknown } from '../helper.ts';
import type { Kernel } from '../kernel.ts';
import type { Machine } from './machine.ts';

/** The agent's limit is 128; with fewer each may be longer. */
const PATHS_AT_ONCE = 96;
/** A guest that is busy answers late; one that hangs must not hang who asks. */
const ANSWER_MS = 30_000;

export function guestKernel(machine: Machine, container: string): Kernel {
  return {
    place: 'guest',
    cgroupVersion: '2',
    cgroup: () => `/sys/fs/cgroup/abode/${container}`,
    read: (paths) => readGuestFiles(machine, paths),
    write: async (path, content) => {
      const fields = new FieldsBuilder().add(Tag.PATH, path).add(Tag.MODE, 0o644).add(Tag.CONTENT, Buffer.from(content));
      await machine.request(FrameType.WRITE_FILE, fields, 0, ANSWER_MS);
    },
  };
}

async function readGuestFiles(machine: Machine, paths: readonly string[]): Promise<Map<string, string>> {
  const contents = new Map<string, string>();
  for (let at = 0; at < paths.length; at += PATHS_AT_ONCE) {
    const fields = new FieldsBuilder().addAll(Tag.PATH, paths.slice(at, at + PATHS_AT_ONCE));
    const answer: Fields = await machine.request(FrameType.READ_FILE, fields, 0, ANSWER_MS).catch((error: unknown) => {
      throw explainUnknown(error);
    });
    for (const entry of answer.all(Tag.FILE)) {
      const [path, content] = splitEntry(entry);
      contents.set(path, content);
    }
  }
  return contents;
}

/** A guest is not trusted to keep to the form. */
function splitEntry(entry: Buffer): [string, string] {
  const length = entry.length < 4 ? 0 : Math.min(entry.readUInt32LE(0), entry.length - 4);
  return [entry.toString('utf8', 4, 4 + length), entry.toString('utf8', 4 + length)];
}
