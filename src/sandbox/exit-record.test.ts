import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { readExitRecord } from './exit-record.ts';

test('a record is read as the shim wrote it; what is none is undefined', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'abode-exit-'));
  const path = join(directory, 'exit.json');
  try {
    assert.equal(await readExitRecord(path), undefined, 'missing');
    await writeFile(path, '{"exitCode":137,"signal":9,"oom":true,"time":"2026-01-02T03:04:05.000000006Z"}');
    assert.deepEqual(await readExitRecord(path), { exitCode: 137, oomKilled: true, time: '2026-01-02T03:04:05.000000006Z', reason: '' });
    const wrong = ['', '{', 'null', '[]', '{"exitCode":1}', '{"exitCode":"1","signal":0,"oom":false,"time":"x"}'];
    for (const text of [...wrong, '{"exitCode":1.5,"signal":0,"oom":false,"time":"x"}']) {
      await writeFile(path, text);
      assert.equal(await readExitRecord(path), undefined, text);
    }
  } finally {
    await rm(directory, { recursive: true });
  }
});
