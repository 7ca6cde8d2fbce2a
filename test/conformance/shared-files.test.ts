/** One volume in a container of the host and in a VM at once: what each sees of the other's files, locks and mappings. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { conformance, type Subject } from '../fixtures/conformance.ts';
import { buildProbe, Probe } from '../fixtures/file-probe.ts';
import { cannotRun } from '../fixtures/robust-daemon.ts';
import { until } from '../fixtures/until.ts';

const { behaviour } = conformance();
const directory = mkdtempSync(join(tmpdir(), 'abode-shared-'));
const probe = cannotRun === false ? buildProbe(directory) : '';
after(() => {
  rmSync(directory, { recursive: true, force: true });
});

const VMS = ['vm', 'hybrid'] as const;

type Side = (...command: readonly string[]) => Promise<string>;

interface Pair {
  readonly inVm: Side;
  readonly onHost: Side;
  readonly peer: string;
  readonly probe: (side: 'vm' | 'host', ...args: readonly string[]) => Probe;
}

async function share(subject: Subject): Promise<Pair> {
  const options = ['-v', `${subject.name}:/data`, '-v', `${probe}:/probe:ro`];
  const peer = `${subject.name}-peer`;
  await subject.background(options, 'sleep', '1000');
  await subject.daemon.docker('run', '-d', '--name', peer, ...options, 'abode/base', 'sleep', '1000');
  return {
    peer,
    inVm: (...command) => subject.daemon.docker('exec', subject.name, ...command),
    onHost: (...command) => subject.daemon.docker('exec', peer, ...command),
    probe: (side, ...args) => new Probe(subject.daemon, side === 'vm' ? subject.name : peer, ...args),
  };
}

/** The probe is there, and asleep. */
async function isWaiting(side: Side): Promise<boolean> {
  const state = await side('sh', '-c', 'for pid in $(pidof file-probe); do grep State /proc/$pid/status; done; true');
  return /^State:\s*[SD]/m.test(state);
}

async function end(subject: Subject, { peer }: Pair): Promise<void> {
  await subject.daemon.docker('rm', '-f', subject.name, peer);
  await subject.daemon.docker('volume', 'rm', subject.name);
}

behaviour(
  'each side reads at once what the other wrote, also over and over into the same bytes',
  async (subject) => {
    const pair = await share(subject);
    for (let round = 10; round < 20; round += 1) {
      await pair.onHost('sh', '-c', `echo ${String(round)} > /data/host`);
      assert.equal(await pair.inVm('cat', '/data/host'), String(round));
      await pair.inVm('sh', '-c', `echo ${String(round)} > /data/vm`);
      assert.equal(await pair.onHost('cat', '/data/vm'), String(round));
    }
    await pair.onHost('sh', '-c', 'echo more >> /data/vm');
    assert.equal(await pair.inVm('cat', '/data/vm'), '19\nmore');
    await pair.inVm('sh', '-c', 'echo again >> /data/vm');
    assert.equal(await pair.onHost('cat', '/data/vm'), '19\nmore\nagain');
    await end(subject, pair);
  },
  VMS,
);

behaviour(
  'names, owners, modes, links and removals are the same on both sides at once',
  async (subject) => {
    const pair = await share(subject);
    const make =
      'cd /data; mkdir -m 2750 d; echo x > d/f; chown 5:6 d/f; chmod 4711 d/f; ln d/f hard; ln -s d/f soft; mkfifo -m 600 p; touch -d @12345 old';
    const show = ['sh', '-c', 'cd /data; stat -c "%n %F %u:%g %a %h %Y %s" d/f hard soft p old; readlink soft; stat -c "%F %a %u:%g" d'];
    const clean = ['sh', '-c', 'cd /data; mv d e; rm hard soft p old'];
    for (const [maker, other] of [
      [pair.inVm, pair.onHost],
      [pair.onHost, pair.inVm],
    ] as const) {
      await maker('sh', '-c', make);
      const seen = await other(...show);
      assert.match(seen, /^d\/f regular file 5:6 4711 2 /);
      assert.match(seen, /\nold .* 12345 0\nd\/f\ndirectory 2750 0:0$/);
      assert.equal(seen, await maker(...show));
      await maker(...clean);
      assert.equal(await other('ls', '/data'), 'e');
      await other('rm', '-r', '/data/e');
      assert.equal(await maker('ls', '/data'), '');
    }
    await end(subject, pair);
  },
  VMS,
);

for (const kind of ['fcntl', 'ofd', 'flock'])
  behaviour(
    `a lock (${kind}) that one side holds the other does not get`,
    async (subject) => {
      const pair = await share(subject);
      for (const [holder, other] of [
        ['vm', 'host'],
        ['host', 'vm'],
      ] as const) {
        const held = pair.probe(holder, kind, '/data/lock');
        assert.equal(await held.line(1), 'locked', holder);
        const refused = pair.probe(other, kind, '/data/lock');
        assert.equal(await refused.line(1), 'Resource temporarily unavailable', other);
        await held.end();
        const got = pair.probe(other, kind, '/data/lock');
        assert.equal(await got.line(1), 'locked', other);
        await got.end();
      }
      await end(subject, pair);
    },
    VMS,
  );

for (const kind of ['fcntl', 'ofd', 'flock'])
  behaviour(
    `who waits for a lock (${kind}) that the other side holds gets it when that one lets go, or dies waiting`,
    async (subject) => {
      const pair = await share(subject);
      for (const [holder, other, side] of [
        ['host', 'vm', pair.inVm],
        ['vm', 'host', pair.onHost],
      ] as const) {
        const held = pair.probe(holder, kind, '/data/lock');
        assert.equal(await held.line(1), 'locked', holder);
        const killed = pair.probe(other, `${kind}-wait`, '/data/lock');
        await until('it waits', 60_000, () => isWaiting(side));
        await side('killall', '-9', 'file-probe');
        await killed.end();
        assert.deepEqual(killed.said, []);
        const waiting = pair.probe(other, `${kind}-wait`, '/data/lock');
        await until('it waits', 60_000, () => isWaiting(side));
        await side('sh', '-c', 'echo the others go on > /data/other');
        assert.deepEqual(waiting.said, []);
        await held.end();
        assert.equal(await waiting.line(1), 'locked', other);
        await waiting.end();
      }
      await end(subject, pair);
    },
    VMS,
  );

behaviour(
  'what one side writes into a shared mapping the other sees, in its file and in its mapping',
  async (subject) => {
    const pair = await share(subject);
    for (const [writer, reader, read] of [
      ['vm', 'host', pair.onHost],
      ['host', 'vm', pair.inVm],
    ] as const) {
      await pair.onHost('sh', '-c', 'head -c 4096 /dev/zero > /data/map');
      const watching = pair.probe(reader, 'watch', '/data/map', `from ${writer}`);
      assert.equal(await watching.line(1), 'mapped');
      const writing = pair.probe(writer, 'change', '/data/map', `from ${writer}`);
      assert.equal(await writing.line(1), 'written');
      assert.equal(await read('head', '-c', String(`from ${writer}`.length), '/data/map'), `from ${writer}`);
      assert.equal(await watching.line(2), 'seen');
      await Promise.all([watching.end(), writing.end()]);
    }
    await end(subject, pair);
  },
  VMS,
);

behaviour(
  'a guest that does as it likes stays within what is mounted, and cannot write what is read-only',
  async (subject) => {
    const { daemon, name } = subject;
    const host = join(directory, name);
    await daemon.docker(
      'run',
      '--rm',
      '-v',
      `${host}/shared:/s`,
      '-v',
      `${host}:/all`,
      'abode/base',
      'sh',
      '-c',
      'echo secret > /all/secret; echo kept > /s/f; ln -s /all/secret /s/abs; ln -s ../secret /s/rel',
    );
    await subject.background(['--privileged', '-v', `${host}/shared:/s:ro`], 'sleep', '1000');
    const attempt = (script: string): Promise<string> => subject.exec([], 'sh', '-c', script).then(({ stdout, stderr }) => stdout + stderr);
    assert.doesNotMatch(await attempt('cat /s/abs /s/rel /s/../secret'), /secret\n/);
    await attempt('mount -o remount,rw /s; mkdir /m; mount --bind /s /m; mount -o remount,rw,bind /m');
    const everything = await attempt('find /m /s -xdev; cat $(find /m -name secret)');
    assert.doesNotMatch(everything, /secret$/m);
    const { stderr } = await subject.exec([], 'sh', '-c', 'for f in $(find /m /s -name f); do echo broken > $f; done');
    assert.match(stderr, /Read-only file system/);
    assert.equal(await daemon.docker('run', '--rm', '-v', `${host}:/all`, 'abode/base', 'cat', '/all/shared/f'), 'kept');
    await daemon.docker('rm', '-f', name);
  },
  VMS,
);
