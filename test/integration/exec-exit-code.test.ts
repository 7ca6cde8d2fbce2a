/** A client asks for an exec's exit code as soon as its output ends: it must be known by then. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cannotRun, RobustDaemon } from '../fixtures/robust-daemon.ts';

const KINDS = [
  { kind: 'container', runtime: [] },
  { kind: 'vm', runtime: ['--runtime', 'vm'] },
  { kind: 'hybrid', runtime: ['--runtime', 'vm:exec'] },
] as const;
const EXECS = 40;
const AT_ONCE = 8;

test('no exec loses its exit code', { skip: cannotRun, timeout: 300_000 }, async () => {
  await using daemon = await RobustDaemon.start();
  for (const { kind, runtime } of KINDS) {
    await daemon.docker('run', '-d', '--name', kind, ...runtime, 'abode/base', 'sleep', '1000');
    const codes: number[] = [];
    for (let done = 0; done < EXECS; done += AT_ONCE) {
      const ran = await Promise.all(Array.from({ length: AT_ONCE }, () => daemon.run(['exec', kind, 'sh', '-c', 'echo out; exit 3'])));
      codes.push(...ran.map(({ code }) => code));
    }
    assert.deepEqual(
      codes,
      Array.from({ length: EXECS }, () => 3),
      kind,
    );
  }
});
