import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkPorts, exposedPorts, portRequests, portWarnings, publications } from './port-requests.ts';
import { containerRecord, running } from './record-fixture.ts';

const both = ['0.0.0.0', '::'];

test('what is no port, protocol or address is refused by name', () => {
  const wrong: ReadonlyArray<readonly [object, RegExp]> = [
    [{ PortBindings: { '80/tcp': [{ HostPort: 'x' }] } }, /^invalid port specification: "x"$/],
    [{ PortBindings: { '80/tcp': [{ HostPort: '99999' }] } }, /^invalid port specification: "99999"$/],
    [{ PortBindings: { '80/tcp': [{ HostPort: '90-80' }] } }, /^invalid port specification: "90-80"$/],
    [{ PortBindings: { 'x/tcp': [{}] } }, /^invalid port specification: "x"$/],
    [{ PortBindings: { '0/tcp': [{}] } }, /^invalid port specification: "0"$/],
    [{ PortBindings: { '80-81/tcp': [{}] } }, /^invalid port specification: "80-81"$/],
    [{ PortBindings: { '80/foo': [{}] } }, /^invalid port specification: "80\/foo": invalid protocol$/],
    [{ PortBindings: { '80/tcp': [{ HostIp: 'bad' }] } }, /^invalid host IP address: "bad"$/],
  ];
  for (const [host, message] of wrong) assert.throws(() => checkPorts({ Image: 'i' }, host), { code: 'invalid', message });
  assert.throws(() => checkPorts({ Image: 'i', ExposedPorts: { 'x/tcp': {} } }, {}), { code: 'invalid' });
  checkPorts({ Image: 'i', ExposedPorts: { '80': {} } }, { PortBindings: { '80/TCP': null, '1/sctp': [{ HostIp: '::1', HostPort: '' }] } });
});

test('the request, the image and the bindings expose together, in order', () => {
  const exposed = exposedPorts(
    { Image: 'i', ExposedPorts: { '100/tcp': {}, '9': {} } },
    { PortBindings: { '80/UDP': [{}] } },
    { ExposedPorts: { '9/udp': {}, '9/tcp': {}, 'what/ever': {} } },
  );
  assert.deepEqual(Object.keys(exposed ?? {}), ['9/tcp', '9/udp', '80/udp', '100/tcp']);
  assert.equal(exposedPorts({ Image: 'i' }, {}, {}), null);
});

test('a binding names an address, a number, a range, or leaves them to the host; those with the fewest choices come first', () => {
  const { config, host } = containerRecord({
    host: {
      PortBindings: {
        '1/tcp': [{ HostPort: '' }, { HostIp: '127.0.0.1', HostPort: '0' }],
        '2/tcp': [{ HostIp: '', HostPort: '8000-8010' }],
        '3/udp': [{ HostIp: '::1', HostPort: '53' }],
        '4/tcp': null,
      },
    },
  });
  assert.deepEqual(portRequests({ config, host }), [
    { protocol: 'udp', containerPort: 3, hostAddresses: ['::1'], range: { first: 53, last: 53 } },
    { protocol: 'tcp', containerPort: 2, hostAddresses: both, range: { first: 8000, last: 8010 } },
    { protocol: 'tcp', containerPort: 1, hostAddresses: both },
    { protocol: 'tcp', containerPort: 1, hostAddresses: ['127.0.0.1'] },
  ]);
});

test('all that is exposed is published, but what has a binding of its own', () => {
  const { config, host } = containerRecord({
    config: { ExposedPorts: { '1/tcp': {}, '2/udp': {} } },
    host: { PublishAllPorts: true, PortBindings: { '1/tcp': [{ HostPort: '5' }] } },
  });
  assert.deepEqual(portRequests({ config, host }), [
    { protocol: 'tcp', containerPort: 1, hostAddresses: both, range: { first: 5, last: 5 } },
    { protocol: 'udp', containerPort: 2, hostAddresses: both },
  ]);
});

test('only containers that run have their ports', () => {
  const ports = [{ protocol: 'tcp', containerPort: 1, hostAddress: '::', hostPort: 2 }] as const;
  const network = { network: 'bridge', address: '172.19.0.2', prefixLength: 16, gateway: '172.19.0.1', mac: '', ports };
  assert.deepEqual(
    publications([containerRecord({ state: running(), network }), containerRecord({ network }), containerRecord({ state: running() })]),
    [{ owner: 'a'.repeat(64), address: '172.19.0.2', ports }],
  );
});

test('without a network there is nothing to publish, and it is said so', () => {
  const warning = ['Published ports are discarded when using none network mode'];
  assert.deepEqual(portWarnings({ NetworkMode: 'none', PortBindings: { '80/tcp': [{}] } }), warning);
  assert.deepEqual(portWarnings({ NetworkMode: 'none', PublishAllPorts: true }), warning);
  assert.deepEqual(portWarnings({ NetworkMode: 'none', PortBindings: {} }), []);
  assert.deepEqual(portWarnings({ PortBindings: { '80/tcp': [{}] } }), []);
});
