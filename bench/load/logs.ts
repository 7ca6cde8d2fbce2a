/** A container that writes much, and its log read back. */
import { AbodeError } from '../../src/base/errors.ts';
import { createContainer } from './containers.ts';
import { countBytes } from './count-bytes.ts';
import { CONTAINERS, type LoadCase, timed } from './load-case.ts';

const LINE = 100;
/** Of each frame in the answer. */
const HEADER = 8;

export function logsCase(megabytes: number): LoadCase {
  const bytes = megabytes * 1e6;
  const amount = { value: megabytes, unit: 'MB' };
  // `yes` adds the newline.
  const script = `yes ${'x'.repeat(LINE - 1)} | head -c ${String(bytes)}`;
  return {
    name: 'logs',
    title: `${String(megabytes)} MB of logs in lines of ${String(LINE)} bytes`,
    columns: CONTAINERS,
    measures: [
      { name: 'write', amount },
      { name: 'read', amount },
    ],
    prepare: (column, signal) => {
      const { client } = column;
      return Promise.resolve(async () => {
        const id = await createContainer(column, { command: ['sh', '-c', script] }, signal);
        const write = await timed(async () => {
          await client.start(id, signal);
          await client.wait(id, signal);
        });
        const read = await timed(async () => {
          const log = await client.transport.open('GET', `/containers/${id}/logs`, { query: { stdout: '1', stderr: '1' }, signal });
          const [size, expected] = [await countBytes(log), (bytes / LINE) * (LINE + HEADER)];
          if (size !== expected)
            throw new AbodeError('internal', `the log has ${String(size)} bytes with its frames, not ${String(expected)}`);
        });
        await client.remove(id, { force: true, signal });
        return { write, read };
      });
    },
  };
}
