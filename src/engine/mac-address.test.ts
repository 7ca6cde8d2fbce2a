import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseMac } from './mac-address.ts';

test('the usual forms are one and the same address', () => {
  for (const text of ['02:Ab:33:44:55:66', '02-ab-33-44-55-66', '02ab.3344.5566']) assert.equal(parseMac(text), '02:ab:33:44:55:66', text);
  for (const none of [undefined, '']) assert.equal(parseMac(none), undefined);
});

test('what an interface cannot have is refused', () => {
  for (const text of [
    'zz',
    '02:11:22:33:44',
    '02:11:22:33:44:55:66:77',
    '02:11-22:33:44:55',
    'ff:ff:ff:ff:ff:ff',
    '01:00:00:00:00:00',
    '00:00:00:00:00:00',
  ])
    assert.throws(() => parseMac(text), { code: 'invalid', message: `address ${text}: invalid MAC address` });
});
