/** Fields that starting a process has in every sandbox (docs/agent-protocol.md, START_RUNTIME and START_PROCESS). */
import { FieldsBuilder, Tag } from '../agent-client/fields.ts';
import type { ProcessSpec } from './sandbox.ts';

export function stdioFields(process: ProcessSpec): FieldsBuilder {
  const stdio = (process.tty ? 1 : 0) | (process.openStdin ? 2 : 0) | (process.stdinOnce ? 4 : 0);
  return new FieldsBuilder()
    .add(Tag.STDIO, stdio)
    .add(Tag.ROWS, process.rows)
    .add(Tag.COLS, process.columns)
    .add(Tag.EXIT_PATH, process.exitPath)
    .add(Tag.LOG_PATH, process.log?.path)
    .add(Tag.LOG_MAX_SIZE, process.log?.maxSize)
    .add(Tag.LOG_MAX_FILES, process.log?.maxFiles)
    .add(Tag.LOG_ATTRIBUTES, process.log?.attributes);
}
