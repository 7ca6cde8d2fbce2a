import assert from 'node:assert/strict';
import { test } from 'node:test';
import { goMode, parsePathStat } from './path-stat.ts';

test("modes are Go's, as dockerd tells them", () => {
  // What dockerd 20.10 said of the same files.
  assert.equal(goMode(0o040755), 2_147_484_141);
  assert.equal(goMode(0o120777), 134_218_239);
  assert.equal(goMode(0o104755), 8_389_101);
  assert.equal(goMode(0o041777), 2 ** 31 + 2 ** 20 + 0o777);
  assert.equal(goMode(0o020666), 2 ** 26 + 2 ** 21 + 0o666);
  assert.equal(goMode(0o010644), 2 ** 25 + 0o644);
});

test('what the agent says is read to its second NUL', () => {
  const output = Buffer.from('41471 22 1795594109 5\0/etc/passwd\0and the archive\0');
  assert.deepEqual(parsePathStat(output, 'up'), {
    stat: { name: 'up', size: 22, mode: 134_218_239, mtime: '2026-11-25T08:08:29.000000005Z', linkTarget: '/etc/passwd' },
  });
  assert.throws(() => parsePathStat(Buffer.from('nonsense\0\0'), 'x'), /unknown form/);
});
