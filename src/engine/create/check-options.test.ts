import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ContainerConfig, HostConfig } from '../record.ts';
import { checkOptions } from './check-options.ts';

const check = (config: Partial<ContainerConfig>, host: HostConfig = {}): void => {
  checkOptions({ Image: 'x', ...config }, host);
};

const REFUSED: ReadonlyArray<readonly [Partial<ContainerConfig>, HostConfig, string]> = [
  [{ StopSignal: 'NOPE' }, {}, 'Invalid signal: NOPE'],
  [{ Env: ['A=\0'] }, {}, 'environment variable value can\'t contain null(\\x00): "A=\\x00"'],
  [{ Healthcheck: { Interval: 1 } }, {}, 'Interval in Healthcheck cannot be less than 1ms'],
  [{ Healthcheck: { Timeout: -1 } }, {}, 'Timeout in Healthcheck cannot be less than 1ms'],
  [{ Healthcheck: { StartPeriod: 999_999 } }, {}, 'StartPeriod in Healthcheck cannot be less than 1ms'],
  [{ Healthcheck: { StartInterval: 1 } }, {}, 'StartInterval in Healthcheck cannot be less than 1ms'],
  [{ Healthcheck: { Retries: -1 } }, {}, 'Retries in Healthcheck cannot be negative'],
  [{}, { ExtraHosts: ['foo'] }, 'bad format for add-host: "foo"'],
  [{}, { ExtraHosts: [':1.1.1.1'] }, 'bad format for add-host: ":1.1.1.1"'],
  [{}, { ExtraHosts: ['foo:bar'] }, 'invalid IP address in add-host: "bar"'],
  [{}, { Tmpfs: { x: '' } }, "invalid mount path: 'x' mount path must be absolute"],
  [{}, { Tmpfs: { '/': '' } }, "invalid specification: destination can't be '/'"],
  [{}, { Tmpfs: { '//./': '' } }, "invalid specification: destination can't be '/'"],
  [{}, { Tmpfs: { '/a': 'rw,foo=bar' } }, 'invalid tmpfs option ["foo" "bar"]'],
  [{}, { Tmpfs: { '/a': 'foo' } }, 'invalid tmpfs option ["foo"]'],
  [{}, { CpuShares: -1 }, 'shares: invalid argument'],
  [{}, { CpuShares: 1 }, 'the minimum allowed cpu-shares is 2'],
  [{}, { CpuShares: 262_145 }, 'the maximum allowed cpu-shares is 262144'],
];

test("single options that cannot be right are refused in Docker's words", () => {
  for (const [config, host, message] of REFUSED) {
    assert.throws(
      () => {
        check(config, host);
      },
      { code: 'invalid', message },
      message,
    );
  }
});

test('what is right at its bounds is allowed', () => {
  check({ StopSignal: 'SIGRTMIN+3', Healthcheck: { Interval: 1_000_000, Timeout: 0, Retries: 0 } });
  check(
    {},
    { ExtraHosts: ['a:1.1.1.1', 'b:host-gateway', 'c:fe80::1'], Tmpfs: { '/a': '', '/b': 'rw,noexec,size=64k,mode=1777' }, CpuShares: 2 },
  );
  check({}, { CpuShares: 262_144 });
});
