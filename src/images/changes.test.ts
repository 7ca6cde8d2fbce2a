import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { applyChanges } from './changes.ts';

// Each expectation is what dockerd 20.10 made of the same line.
const accepted: readonly (readonly [readonly string[], object])[] = [
  [['CMD echo hi'], { Cmd: ['/bin/sh', '-c', 'echo hi'] }],
  [['cmd ["a","b"]'], { Cmd: ['a', 'b'] }],
  [['CMD'], { Cmd: ['/bin/sh', '-c'] }],
  [['CMD []'], { Cmd: [] }],
  [['CMD [x'], { Cmd: ['/bin/sh', '-c', '[x'] }],
  [["CMD ['a']"], { Cmd: ['/bin/sh', '-c', "['a']"] }],
  [['CMD a', 'ENTRYPOINT ["e"]'], { Cmd: ['/bin/sh', '-c', 'a'], Entrypoint: ['e'] }],
  [['ENV A=b C="d e"'], { Env: ['A=b', 'C=d e'] }],
  [['ENV A b  c'], { Env: ['A=b  c'] }],
  [['ENV A=1', 'ENV B=$A-${A}x C=${N:-d} A=2'], { Env: ['A=2', 'B=1-1x', 'C=d'] }],
  [["ENV A='x$y' B=a\\ b"], { Env: ['A=x$y', 'B=a b'] }],
  [['LABEL a=b "c d"=e', 'LABEL a=z'], { Labels: { a: 'z', 'c d': 'e' } }],
  [['EXPOSE 80 81-83/udp', 'EXPOSE 8080:90'], { ExposedPorts: { '80/tcp': {}, '81/udp': {}, '82/udp': {}, '83/udp': {}, '90/tcp': {} } }],
  [['EXPOSE $X'], { ExposedPorts: {} }],
  [['USER a b'], { User: 'a b' }],
  [['VOLUME /x /y', 'VOLUME ["/a b","c"]'], { Volumes: { '/x': {}, '/y': {}, '/a b': {}, c: {} } }],
  [['WORKDIR /a', 'WORKDIR b'], { WorkingDir: '/a/b' }],
  [['WORKDIR "q"'], { WorkingDir: '/q' }],
  [['STOPSIGNAL SIGQUIT'], { StopSignal: 'SIGQUIT' }],
  [['HEALTHCHECK NONE'], { Healthcheck: { Test: ['NONE'] } }],
  [['HEALTHCHECK CMD ["a","b"]'], { Healthcheck: { Test: ['CMD', 'a', 'b'] } }],
  [
    ['HEALTHCHECK --timeout=0.5s --interval=1m30s --retries=3 CMD a  b'],
    { Healthcheck: { Test: ['CMD-SHELL', 'a  b'], Timeout: 5e8, Interval: 90e9, Retries: 3 } },
  ],
  [['ONBUILD RUN x', 'ONBUILD COPY . /'], { OnBuild: ['RUN x', 'COPY . /'] }],
  [['ENV A=1 \\\n  B=2\n# comment\nUSER u'], { Env: ['A=1', 'B=2'], User: 'u' }],
];

const refused: readonly (readonly [string, string])[] = [
  ['RUN x', 'run is not a valid change command'],
  ['FOO x', 'foo is not a valid change command'],
  ['ENV', 'ENV requires at least one argument'],
  ['ENV A', 'ENV must have two arguments'],
  ['ENV =x', 'ENV names can not be blank'],
  ['LABEL x', 'LABEL must have two arguments'],
  ['LABEL =x', 'LABEL names can not be blank'],
  ['EXPOSE x', 'Invalid containerPort: x'],
  ['EXPOSE 99999', 'Invalid containerPort: 99999'],
  ['EXPOSE 80/foo', 'Invalid proto: foo'],
  ['WORKDIR', 'WORKDIR requires exactly one argument'],
  ['USER', 'USER requires exactly one argument'],
  ['VOLUME', 'VOLUME requires at least one argument'],
  ['CMD ["a",1]', 'when using JSON array syntax, arrays must be comprised of strings only'],
  ['ENV A="x', 'failed to process "\\"x": unexpected end of statement while looking for matching double-quote'],
  ['HEALTHCHECK foo', 'Unknown type "FOO" in HEALTHCHECK (try CMD)'],
  ['HEALTHCHECK --interval=1 CMD x', 'time: missing unit in duration "1"'],
  ['HEALTHCHECK --interval=5s', 'HEALTHCHECK requires at least one argument'],
  ['HEALTHCHECK --bad=1 CMD x', 'Unknown flag: bad'],
  ['HEALTHCHECK --retries=0 CMD x', '--retries must be at least 1 (not 0)'],
  ['HEALTHCHECK CMD', 'Missing command after HEALTHCHECK CMD'],
  ['ONBUILD', 'ONBUILD requires at least one argument'],
  ['ONBUILD ONBUILD x', "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed"],
  ['ONBUILD FROM x', "FROM isn't allowed as an ONBUILD trigger"],
  ['STOPSIGNAL 99', 'Invalid signal: 99'],
];

test('changes mean what Docker means', () => {
  for (const [changes, expected] of accepted) assert.deepEqual(applyChanges({}, changes), expected, changes.join(' | '));
});

test("broken changes are refused in Docker's words", () => {
  for (const [change, message] of refused) assert.throws(() => applyChanges({}, [change]), { code: 'invalid', message }, change);
});

test('an entrypoint takes away a command that was inherited', () => {
  assert.deepEqual(applyChanges({ Cmd: ['x'] }, ['ENTRYPOINT ["e"]']), { Entrypoint: ['e'] });
});

test('any value comes through quotes unchanged', () => {
  fc.assert(
    fc.property(
      fc.string().filter((text) => !/[\r\n]/.test(text)),
      (value) => {
        const quoted = value.replace(/[\\"$]/g, '\\$&');
        assert.deepEqual(applyChanges({}, [`ENV A="${quoted}"`]).Env, [`A=${value}`]);
      },
    ),
  );
});
