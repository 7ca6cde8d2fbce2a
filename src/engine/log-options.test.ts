import assert from 'node:assert/strict';
import { hostname } from 'node:os';
import { test } from 'node:test';
import { checkLogConfig, logTarget, parseDecimalSize } from './log-options.ts';
import { containerRecord } from './record-fixture.ts';
import type { ContainerConfig } from './record.ts';

type Options = Readonly<Record<string, string>>;

const REFUSED: ReadonlyArray<readonly [string, Options, string]> = [
  ['nosuch', {}, 'error looking up logging plugin nosuch: plugin "nosuch" not found'],
  ['syslog', {}, "logger: the log driver 'syslog' is not available: Abode keeps logs itself (json-file, local) or not at all (none)"],
  ['', { a: 'b' }, "unknown log opt 'a' for json-file log driver"],
  ['local', { labels: 'b' }, "unknown log opt 'labels' for log driver local"],
  ['json-file', { mode: 'bad' }, 'logger: logging mode not supported: bad'],
  ['json-file', { 'max-buffer-size': '1m' }, "logger: max-buffer-size option is only supported with 'mode=non-blocking'"],
  ['json-file', { mode: 'non-blocking', 'max-buffer-size': 'x' }, "error parsing option max-buffer-size: invalid size: 'x'"],
  ['json-file', { 'max-size': 'x' }, "failed to initialize logging driver: invalid size: 'x'"],
  ['json-file', { 'max-size': '-1' }, "failed to initialize logging driver: invalid size: '-1'"],
  ['local', { 'max-size': 'x' }, "failed to initialize logging driver: invalid value for max-size: x: invalid size: 'x'"],
  ['json-file', { 'max-file': 'x' }, 'failed to initialize logging driver: strconv.Atoi: parsing "x": invalid syntax'],
  ['json-file', { 'max-file': '0' }, 'failed to initialize logging driver: max-file cannot be less than 1'],
  [
    'json-file',
    { compress: 'true', 'max-size': '1m' },
    'failed to initialize logging driver: compress cannot be true when max-file is less than 2 or max-size is not set',
  ],
  [
    'json-file',
    { compress: 'true', 'max-size': '1m', 'max-file': '2' },
    'failed to initialize logging driver: compress=true is not available: rotated logs stay as they are, so that they can be read at any time',
  ],
  ['json-file', { tag: '{{.Nope' }, 'failed to initialize logging driver: template: log-tag:1: unclosed action'],
  ['json-file', { tag: '{{.Nope}}' }, "failed to initialize logging driver: template: log-tag:1: can't evaluate field Nope"],
  ['json-file', { 'labels-regex': '(' }, 'failed to initialize logging driver: error parsing regexp: /(/: Unterminated group'],
];

test("log options that cannot be right are refused in Docker's words", () => {
  for (const [Type, Config, message] of REFUSED) {
    assert.throws(
      () => {
        checkLogConfig({ LogConfig: { Type, Config } });
      },
      { code: 'invalid', message },
      message,
    );
  }
});

test('what is right is allowed, and anything with the driver that writes nothing', () => {
  checkLogConfig({});
  checkLogConfig({ LogConfig: { Type: 'none', Config: { a: 'b' } } });
  checkLogConfig({
    LogConfig: { Type: 'json-file', Config: { mode: 'non-blocking', 'max-buffer-size': '4m', compress: 'false', 'max-file': '3' } },
  });
  checkLogConfig({ LogConfig: { Type: 'local', Config: { 'max-size': '1m', 'max-file': '2' } } });
});

const target = (Type: string, Config: Options, config: Partial<ContainerConfig> = {}): ReturnType<typeof logTarget> =>
  logTarget(containerRecord({ config, host: { LogConfig: { Type, Config } }, command: ['sh', '-c', 'x'] }), '/log');

test('files rotate as they were told, of the local driver at its own size', () => {
  assert.deepEqual(target('json-file', { 'max-size': '10k', 'max-file': '2' }), { path: '/log', maxSize: 10_000, maxFiles: 2 });
  assert.deepEqual(target('', {}), { path: '/log', maxSize: 0, maxFiles: 1 });
  assert.deepEqual(target('local', {}), { path: '/log', maxSize: 20_000_000, maxFiles: 5 });
  assert.deepEqual(target('local', { 'max-file': '2' }), { path: '/log', maxSize: 20_000_000, maxFiles: 2 });
  assert.equal(target('none', {}), undefined);
});

test('labels, environment and tag go into every line, sorted and safe', () => {
  const config = { Labels: { b: '2', a: '1<&>', other: 'x' }, Env: ['X=y=z', 'Y=1', 'NAME'] };
  assert.equal(
    target('json-file', { labels: 'b,a,zz', env: 'X', tag: '{{.Name}}/{{ .ID }}/{{.Command}}' }, config)?.attributes,
    `{"X":"y=z","a":"1\\u003c\\u0026\\u003e","b":"2","tag":"plain/${'a'.repeat(12)}/sh -c x"}`,
  );
  assert.equal(target('json-file', { 'labels-regex': '^o', 'env-regex': '^[XY]$' }, config)?.attributes, '{"X":"y=z","Y":"1","other":"x"}');
  assert.equal(
    target('json-file', { tag: '{{.Hostname}} {{.ImageName}} {{.ImageID}}' })?.attributes,
    `{"tag":"${hostname()} base sha256:bbbbb"}`,
  );
  assert.equal(target('json-file', { labels: 'none' }, config)?.attributes, undefined);
});

test('sizes of logs are counted in powers of ten', () => {
  assert.deepEqual(
    ['10k', '1m', '1.5g', '7', '2KB', '3 mib'].map((text) => parseDecimalSize(text)),
    [10_000, 1_000_000, 1_500_000_000, 7, 2000, 3_000_000],
  );
});
