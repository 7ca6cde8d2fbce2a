/** `--log-opt` and `--log-driver`. */
import assert from 'node:assert/strict';
import { conformance } from '../fixtures/conformance.ts';

const { behaviour, once } = conformance();

behaviour('labels, environment and tag are in each line, and `docker logs --details` tells them', async (subject) => {
  const options = [
    '--log-opt',
    'labels=b,a,zz',
    '--log-opt',
    'env=X',
    '--log-opt',
    'tag={{.Name}}/{{.ImageName}}',
    '--label',
    'a=1<&>',
    '--label',
    'b=2',
    '-e',
    'X=y',
  ];
  await subject.background(options, 'echo', 'line');
  await subject.daemon.ended(subject.name);
  assert.equal(
    (await subject.docker('logs', '--details', subject.name)).stdout,
    `X=y,a=1%3C%26%3E,b=2,tag=${subject.name}%2Fabode%2Fbase line\n`,
  );
  assert.match((await subject.docker('logs', '--details', '-t', subject.name)).stdout, /^\d{4}-\S+Z X=y,a=/);
  assert.equal((await subject.docker('logs', subject.name)).stdout, 'line\n');
});

behaviour('without options there are no details', async (subject) => {
  await subject.background([], 'echo', 'line');
  await subject.daemon.ended(subject.name);
  assert.equal((await subject.docker('logs', '--details', subject.name)).stdout, ' line\n');
});

behaviour('the local driver keeps what it rotates, and can be read', async (subject) => {
  await subject.background(
    ['--log-driver', 'local', '--log-opt', 'max-size=10k', '--log-opt', 'max-file=3'],
    'sh',
    '-c',
    'i=0; while [ $i -lt 400 ]; do echo line $i; i=$((i+1)); done',
  );
  await subject.daemon.ended(subject.name);
  const lines = (await subject.daemon.docker('logs', subject.name)).split('\n');
  assert.equal(lines.at(-1), 'line 399');
  assert.ok(lines.length > 100 && lines.length < 400, `${String(lines.length)} lines are left of three files`);
  assert.equal(await subject.inspect('{{.HostConfig.LogConfig.Type}}'), 'local');
});

behaviour('what the driver `none` has thrown away cannot be read', async (subject) => {
  await subject.background(['--log-driver', 'none'], 'echo', 'line');
  await subject.daemon.ended(subject.name);
  const { code, stderr } = await subject.docker('logs', subject.name);
  assert.equal(code, 1);
  assert.match(stderr, /configured logging driver does not support reading/);
});

once('options that cannot be right are refused before anything is made', async (daemon) => {
  for (const [options, message] of [
    [['--log-driver', 'syslog'], /the log driver 'syslog' is not available/],
    [['--log-opt', 'nosuch=1'], /unknown log opt 'nosuch' for json-file log driver/],
    [['--log-opt', 'max-file=0'], /max-file cannot be less than 1/],
    [['--log-opt', 'mode=bad'], /logging mode not supported: bad/],
  ] as const) {
    const { code, stderr } = await daemon.run(['create', ...options, 'abode/base', 'true']);
    assert.notEqual(code, 0);
    assert.match(stderr, message);
  }
  assert.equal(await daemon.docker('ps', '-aq'), '');
});
