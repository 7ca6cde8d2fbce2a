import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatIpv4, gatewayOf, macOf, nextFree, overlaps, parseIpv4, parseSubnet, type Subnet } from './addresses.ts';

const addresses = fc.integer({ min: 0, max: 0xffff_ffff });
const subnets: fc.Arbitrary<Subnet> = fc
  .tuple(addresses, fc.integer({ min: 8, max: 30 }))
  .map(([address, prefix]) => parseSubnet(`${formatIpv4(address)}/${String(prefix)}`));
const small: fc.Arbitrary<Subnet> = fc
  .tuple(addresses, fc.integer({ min: 26, max: 30 }))
  .map(([address, prefix]) => parseSubnet(`${formatIpv4(address)}/${String(prefix)}`));

const sizeOf = (subnet: Subnet): number => 2 ** (32 - subnet.prefixLength);

/** All that may be given out: not the network's own address, the gateway's, the broadcast's. */
function hosts(subnet: Subnet): number[] {
  return Array.from({ length: sizeOf(subnet) - 3 }, (_, index) => subnet.base + 2 + index);
}

test('text and number are the same address', () => {
  assert.equal(parseIpv4('172.17.0.2'), 0xac11_0002);
  assert.equal(formatIpv4(0xffff_ffff), '255.255.255.255');
  fc.assert(
    fc.property(addresses, (address) => {
      assert.equal(parseIpv4(formatIpv4(address)), address);
    }),
  );
});

test('what is no address is refused', () => {
  const wrong = [
    '',
    '1',
    '1.2.3',
    '1.2.3.4.5',
    '1.2.3.256',
    '1.2.3.-1',
    '1.2.3.x',
    '1.2.3.',
    '1..3.4',
    ' 1.2.3.4',
    '1.2.3.4 ',
    '0x1.2.3.4',
  ];
  for (const text of [...wrong, '1e1.2.3.4', '1.2.3.4.0', '1.5.2.3.4', '::1'])
    assert.throws(() => parseIpv4(text), { code: 'invalid' }, JSON.stringify(text));
});

test('a subnet begins at its network address, whichever of its addresses names it', () => {
  assert.deepEqual(parseSubnet('10.1.2.3/16'), { base: parseIpv4('10.1.0.0'), prefixLength: 16 });
  assert.deepEqual(parseSubnet('192.168.1.129/25'), { base: parseIpv4('192.168.1.128'), prefixLength: 25 });
});

test('what is no subnet of a usable size is refused', () => {
  const wrong = [
    '',
    '10.0.0.0',
    '10.0.0.0/',
    '10.0.0.0/7',
    '10.0.0.0/31',
    '10.0.0.0/x',
    '10.0.0.0/1e1',
    '10.0.0.0/16/8',
    '10.0.0/16',
    '/16',
  ];
  for (const text of [...wrong, '10.0.0.0/ 16', '10.0.0.0/16.5', '10.0.0.0/-16'])
    assert.throws(() => parseSubnet(text), { code: 'invalid' }, JSON.stringify(text));
});

test('two subnets overlap when they have an address in common', () => {
  fc.assert(
    fc.property(subnets, fc.integer({ min: 8, max: 30 }), fc.integer({ min: -4, max: 4 }), (left, prefix, step) => {
      // Near the first: two at random hardly ever meet.
      const near = Math.min(0xffff_ffff, Math.max(0, left.base + step * 2 ** (32 - prefix)));
      const right = parseSubnet(`${formatIpv4(near)}/${String(prefix)}`);
      const common = left.base < right.base + sizeOf(right) && right.base < left.base + sizeOf(left);
      assert.equal(overlaps(left, right), common);
      assert.equal(overlaps(right, left), common);
    }),
  );
});

test('the gateway is the first address', () => {
  assert.equal(formatIpv4(gatewayOf(parseSubnet('172.19.0.0/16'))), '172.19.0.1');
});

test('never a taken address, nor one that is not to be given out; none only when all are taken', () => {
  fc.assert(
    fc.property(
      small.chain((subnet) => fc.tuple(fc.constant(subnet), fc.subarray(hosts(subnet)), addresses)),
      ([subnet, taken, last]) => {
        const free = nextFree(subnet, last, new Set(taken));
        if (free === undefined) assert.equal(taken.length, hosts(subnet).length);
        else {
          assert.ok(hosts(subnet).includes(free), formatIpv4(free));
          assert.ok(!taken.includes(free));
        }
      },
    ),
  );
});

test('round and round: all others are given out before one comes again', () => {
  fc.assert(
    fc.property(small, (subnet) => {
      const all = hosts(subnet);
      const given: number[] = [];
      let last = 0;
      // Each is given back at once.
      for (let round = 0; round < 2 * all.length; round += 1) {
        last = nextFree(subnet, last, new Set()) ?? assert.fail('none is free');
        given.push(last);
      }
      assert.deepEqual(given, [...all, ...all]);
    }),
    { numRuns: 20 },
  );
});

test('each address has a unicast, locally administered MAC of its own', () => {
  assert.equal(macOf(parseIpv4('172.17.0.2')), '02:42:ac:11:00:02');
  fc.assert(
    fc.property(addresses, addresses, (left, right) => {
      assert.match(macOf(left), /^02(:[0-9a-f]{2}){5}$/);
      assert.equal(macOf(left) === macOf(right), left === right);
    }),
  );
});
