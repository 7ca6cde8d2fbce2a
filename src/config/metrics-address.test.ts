import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseMetricsAddress } from './metrics-address.ts';

test('without a host it is the loopback', () => {
  for (const text of ['9323', ':9323', 'localhost:9323', '127.0.0.1:9323'])
    assert.deepEqual(parseMetricsAddress(text), { host: '127.0.0.1', port: 9323 }, text);
  assert.deepEqual(parseMetricsAddress('0.0.0.0:1'), { host: '0.0.0.0', port: 1 });
  assert.deepEqual(parseMetricsAddress('[::1]:65535'), { host: '::1', port: 65_535 });
  assert.equal(parseMetricsAddress(''), undefined);
});

test('what is no address is refused with what is one', () => {
  for (const text of ['x', '127.0.0.1', 'host:1', ':0', ':65536', '::1:80', '[::1]', '1.2.3.4:', '1.2.3.4:x'])
    assert.throws(() => parseMetricsAddress(text), { code: 'invalid', message: /--metrics-addr ".*": give ADDRESS:PORT/ }, text);
});
