/** Fields of a create request that no other file is about. */
import assert from 'node:assert/strict';
import { askJson } from '../fixtures/ask-json.ts';
import { conformance, type Subject } from '../fixtures/conformance.ts';
import { until } from '../fixtures/until.ts';

const { behaviour } = conformance();

/** What a container of this body has logged at its end: for what the client has no option for. */
async function logged(subject: Subject, config: object, host: object, ...command: readonly string[]): Promise<string> {
  const { options } = subject.isolation;
  const runtime = options.length === 0 ? {} : { Runtime: options[options.indexOf('--runtime') + 1] };
  const body = { Image: 'abode/base', Cmd: command, ...config, HostConfig: { ...runtime, ...host } };
  const { status, body: answer } = await askJson(subject.daemon.socket, 'POST', `/containers/create?name=${subject.name}`, body);
  assert.equal(status, 201, JSON.stringify(answer));
  await subject.daemon.docker('start', subject.name);
  await subject.daemon.ended(subject.name);
  return (await subject.daemon.docker('logs', subject.name)).replaceAll('\r', '');
}

behaviour('NetworkDisabled leaves a container its loopback alone', async (subject) => {
  assert.equal(await logged(subject, { NetworkDisabled: true }, {}, 'ls', '/sys/class/net'), 'lo');
});

behaviour('ConsoleSize is the size of the terminal from its first moment', async (subject) => {
  assert.equal(await logged(subject, { Tty: true }, { ConsoleSize: [33, 77] }, 'stty', 'size'), '33 77');
});

behaviour('what only clients or builders read is kept and told', async (subject) => {
  await logged(subject, { OnBuild: ['RUN x'], Shell: ['/bin/ash'], ArgsEscaped: true }, { ContainerIDFile: '/x' }, 'true');
  assert.equal(await subject.inspect('{{.Config.OnBuild}} {{.Config.Shell}} {{.HostConfig.ContainerIDFile}}'), '[RUN x] [/bin/ash] /x');
});

behaviour('host-gateway is an address of the host, on which it answers', async (subject) => {
  const found = await subject.output(
    ['--add-host', 'outside:host-gateway'],
    'sh',
    '-c',
    'grep outside /etc/hosts | cut -f1; ping -c 1 -W 20 outside >/dev/null && echo answers',
  );
  const [address = '', answers] = found.split('\n');
  assert.match(address, /^\d+\.\d+\.\d+\.\d+$/);
  assert.equal(answers, 'answers');
  assert.equal(
    await subject.output(['--network', 'none', '--add-host', 'outside:host-gateway'], 'sh', '-c', 'grep outside /etc/hosts | cut -f1'),
    address,
  );
});

behaviour('--stop-timeout is how long a stop waits before it kills', async (subject) => {
  await subject.background(
    ['--stop-timeout', '1', '--stop-signal', 'USR1'],
    'sh',
    '-c',
    'trap "echo asked" USR1; echo up; while :; do sleep 0.1; done',
  );
  await subject.logged('up');
  await subject.daemon.docker('stop', subject.name);
  assert.equal(await subject.inspect('{{.State.ExitCode}}'), '137');
  await until('it was asked first', 20_000, async () => (await subject.daemon.docker('logs', subject.name)).includes('asked'));
});
