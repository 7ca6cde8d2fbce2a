import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { containerResolvConf, withoutLoopback } from './host-network.ts';

test("name servers on the host's loopback go, all else stays as it is", () => {
  const text = [
    '# nameserver 127.0.0.1 in a comment stays',
    'nameserver 127.0.0.53',
    '  nameserver   127.1.2.3',
    'nameserver\t::1',
    'nameserver 1.1.1.1',
    'nameserver 12.7.0.1',
    'nameserver ::1234',
    'nameserver fe80::1',
    'search example.com',
    'options ndots:2',
    '',
  ];
  assert.deepEqual(withoutLoopback(text.join('\n')).split('\n'), [text[0], ...text.slice(4)]);
});

test('where only the loopback answers, the list of the resolver behind it is taken', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'abode-resolv-'));
  const path = (name: string): string => join(directory, name);
  try {
    await writeFile(path('stub'), 'nameserver 127.0.0.53\nsearch here\n');
    await writeFile(path('upstream'), 'nameserver 9.9.9.9\nnameserver 127.0.0.1\n');
    await writeFile(path('usual'), 'nameserver 8.8.4.4\n');
    assert.equal(await containerResolvConf(path('usual'), path('upstream')), 'nameserver 8.8.4.4\n');
    assert.equal(await containerResolvConf(path('stub'), path('upstream')), 'nameserver 9.9.9.9\n');
    assert.equal(await containerResolvConf(path('stub'), path('missing')), 'search here\n');
    assert.equal(await containerResolvConf(path('missing'), path('missing')), '');
  } finally {
    await rm(directory, { recursive: true });
  }
});
