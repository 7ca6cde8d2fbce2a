/** Debian's docker-py, the Python library, with a container of each isolation. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { conformance } from '../fixtures/conformance.ts';

const SCRIPT = join(import.meta.dirname, '../fixtures/docker-py.py');
const SCRIPT_MS = 240_000;
const run = promisify(execFile);

const { behaviour } = conformance();

behaviour('docker-py: run, attach, logs, exec, archives, stats, events', async (subject) => {
  const [flag, runtime] = subject.isolation.options;
  const options = flag === undefined ? {} : { runtime };
  const { stdout } = await run('python3', [SCRIPT, subject.name, JSON.stringify(options)], {
    env: subject.daemon.environment,
    timeout: SCRIPT_MS,
  });
  const { missing, top, ...found } = JSON.parse(stdout) as Record<string, unknown>;
  assert.deepEqual(found, {
    ping: true,
    output: 'b\n/tmp\n',
    failure: [3, 'why\n'],
    followed: 'got one\ngot two\n',
    status: 'running',
    listed: [subject.name],
    exec: [5, 'out\n', 'err\n'],
    streamed: 'a\nb\n',
    put: true,
    got: ['hello', 0o640, 12, 'file', 5],
    stats: [true, true],
    paused: 'paused',
    wait: 137,
    events: [
      'create',
      'attach',
      'start',
      'extract-to-dir',
      'archive-path',
      'top',
      'pause',
      'unpause',
      'rename',
      'rename',
      'kill',
      'die',
      'destroy',
    ],
  });
  assert.match(String(missing), /No such container: no-such-container/);
  assert.ok((top as string[]).includes('PID'));
});
