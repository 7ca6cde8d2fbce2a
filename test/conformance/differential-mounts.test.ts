/** Mounts and volumes, asked of the dockerd of this machine and of Abode in every isolation: statuses, messages and output are the same. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { ISOLATIONS } from '../fixtures/isolations.ts';
import { ReferenceDocker } from '../fixtures/reference-docker.ts';
import { cannotRun, DOCKER, type Finished, RobustDaemon } from '../fixtures/robust-daemon.ts';

const IMAGE = `abode-differential-mounts:${String(process.pid)}`;
const NAME = `abode-differential-mounts-${String(process.pid)}`;
const TEST_MS = 300_000;
const host = mkdtempSync(join(tmpdir(), 'abode-differential-'));

/** RUN and MAKE as in differential.test.ts; I the image, N a container's name, V the beginning of volumes' names, H a directory of the host. */
const SCRIPTS: Readonly<Record<string, readonly (readonly string[])[]>> = {
  binds: [
    ['RUN', '-v', 'H:/h', 'I', 'cat', '/h/f'],
    ['RUN', '-v', 'H:/h:ro', 'I', 'touch', '/h/x'],
    ['RUN', '-v', 'H/f:/made/here/f', 'I', 'cat', '/made/here/f'],
    ['RUN', '-v', 'H/new:/h', 'I', 'stat', '-c', '%F %u:%g %a', '/h'],
    ['RUN', '-v', 'H:/h', '-w', '/h/made', 'I', 'pwd'],
    ['RUN', '-v', 'H:/h', '-u', '5:6', 'I', 'touch', '/h/denied'],
  ],
  'binds that cannot be': [
    ['RUN', '-v', 'H:/h:bogus', 'I', 'true'],
    ['RUN', '-v', 'H:/h:ro,rw', 'I', 'true'],
    ['RUN', '-v', 'H:/', 'I', 'true'],
    ['RUN', '-v', 'H:rel', 'I', 'true'],
    ['RUN', '-v', 'H:/h', '-v', 'H:/h', 'I', 'true'],
    ['RUN', '-v', 'H:/h', '--tmpfs', '/h', 'I', 'true'],
    ['RUN', '-v', 'x:/h', 'I', 'true'],
    ['RUN', '-v', 'V:/h:shared', 'I', 'true'],
    ['RUN', '--mount', 'type=bind,source=H/nosuch,target=/h', 'I', 'true'],
    ['RUN', '--mount', 'type=bind,source=H,target=/', 'I', 'true'],
    ['RUN', '--mount', 'type=bind,source=H,target=rel', 'I', 'true'],
    ['RUN', '--mount', 'type=volume,target=/h,readonly', 'I', 'true'],
    ['RUN', '--mount', 'type=bind,source=H,target=/h', '--mount', 'type=tmpfs,target=/h', 'I', 'true'],
    ['RUN', '--volumes-from', 'nosuch', 'I', 'true'],
    ['RUN', '--volumes-from', 'nosuch:bogus', 'I', 'true'],
  ],
  volumes: [
    ['volume', 'create', 'V-one'],
    ['volume', 'create', '--label', 'a=b', 'V-two'],
    ['volume', 'create', 'V-one'],
    ['volume', 'create', 'x'],
    ['volume', 'create', 'a/b'],
    ['volume', 'create', '--driver', 'nosuch', 'V-no'],
    ['volume', 'create', '--opt', 'foo=x', 'V-no'],
    ['volume', 'create', '--opt', 'type=tmpfs', 'V-no'],
    ['volume', 'ls', '-q', '--filter', 'name=V'],
    ['volume', 'ls', '-q', '--filter', 'label=a=b'],
    ['volume', 'ls', '-q', '--filter', 'label=a=c'],
    ['volume', 'ls', '--filter', 'nosuch=x'],
    ['volume', 'ls', '--filter', 'dangling=maybe'],
    ['volume', 'inspect', '-f', '{{.Driver}} {{.Scope}} {{.Labels}} {{.Options}} {{.Name}}', 'V-one', 'V-two'],
    ['volume', 'inspect', 'V-no'],
    ['RUN', '-v', 'V-one:/v', 'I', 'sh', '-c', 'echo x > /v/f; chown 5:6 /v; chmod 750 /v'],
    ['RUN', '-v', 'V-one:/v:ro', 'I', 'sh', '-c', 'stat -c "%u:%g %a" /v; cat /v/f; touch /v/g'],
    ['MAKE', '--name', 'N', '-v', 'V-one:/v:ro', '-v', 'V-three:/w', '-v', 'H:/h:ro', '--mount', 'type=tmpfs,target=/t', 'I', 'true'],
    ['inspect', '-f', '{{range .Mounts}}{{if eq .Type "tmpfs"}}{{.Destination}} {{.RW}}{{end}}{{end}}', 'N'],
    [
      'inspect',
      '-f',
      '{{range .Mounts}}{{if eq .Name "V-one"}}{{.Destination}} {{.Driver}} {{.Mode}} {{.RW}} {{.Propagation}}{{end}}{{end}}',
      'N',
    ],
    [
      'inspect',
      '-f',
      '{{range .Mounts}}{{if eq .Name "V-three"}}{{.Destination}} {{.Driver}} {{.Mode}} {{.RW}} {{.Propagation}}{{end}}{{end}}',
      'N',
    ],
    [
      'inspect',
      '-f',
      '{{range .Mounts}}{{if eq .Type "bind"}}{{.Source}} {{.Destination}} {{.Mode}} {{.RW}} {{.Propagation}}{{end}}{{end}}',
      'N',
    ],
    ['inspect', '-f', '{{json .HostConfig.Mounts}} {{json .Config.Volumes}}', 'N'],
    ['ps', '-a', '--filter', 'volume=V-one', '--format', '{{.Names}}'],
    ['ps', '-a', '--filter', 'volume=/w', '--format', '{{.Names}}'],
    ['ps', '-a', '--filter', 'volume=V-two', '--format', '{{.Names}}'],
    ['volume', 'ls', '-q', '--filter', 'name=V', '--filter', 'dangling=true'],
    ['volume', 'rm', 'V-one'],
    ['rm', '-v', 'N'],
    ['volume', 'ls', '-q', '--filter', 'name=V'],
    ['volume', 'rm', 'V-one', 'V-two', 'V-three', 'V-no'],
    ['volume', 'rm', '-f', 'V-no'],
  ],
  'what an image puts into a volume': [
    ['RUN', '-v', 'V-one:/etc', 'I', 'ls', '/etc/passwd', '/etc/group'],
    ['RUN', '-v', 'V-one:/v', 'I', 'ls', '/v/passwd', '/v/group'],
    ['RUN', '-v', 'V-two:/etc:nocopy', 'I', 'ls', '/etc/group'],
    ['RUN', '--mount', 'type=volume,source=V-three,target=/etc,volume-nocopy', 'I', 'ls', '/etc/group'],
    ['RUN', '-v', 'V-four:/nosuch', 'I', 'sh', '-c', 'ls -A /nosuch; stat -c "%u:%g %a" /nosuch'],
    ['RUN', '-v', 'V-five:/tmp', 'I', 'stat', '-c', '%u:%g %a', '/tmp'],
    ['RUN', '-v', '/etc', 'I', 'ls', '/etc/group'],
    ['volume', 'rm', 'V-one', 'V-two', 'V-three', 'V-four', 'V-five'],
  ],
  'volumes from another': [
    ['MAKE', '--name', 'N', '-v', '/data', '-v', 'H:/h:ro', 'I', 'sh', '-c', 'echo x > /data/f'],
    ['start', '-a', 'N'],
    ['RUN', '--volumes-from', 'N', 'I', 'sh', '-c', 'cat /data/f /h/f; touch /h/x'],
    ['RUN', '--volumes-from', 'N:ro', 'I', 'touch', '/data/g'],
    ['RUN', '--volumes-from', 'N', '-v', 'H:/data', 'I', 'ls', '/data/f'],
    ['rm', '-v', 'N'],
  ],
  tmpfs: [
    [
      'RUN',
      '--mount',
      'type=tmpfs,target=/t,tmpfs-size=1m,tmpfs-mode=1750',
      'I',
      'sh',
      '-c',
      'stat -c "%u:%g %a" /t; df -k /t | tail -n 1 | { read a b c; echo $b; }',
    ],
    ['RUN', '--mount', 'type=tmpfs,target=/t,readonly', 'I', 'touch', '/t/x'],
    ['RUN', '--mount', 'type=tmpfs,source=x,target=/t', 'I', 'true'],
  ],
};

const reference = new ReferenceDocker(DOCKER);
const skip = cannotRun === false ? await ReferenceDocker.missing() : cannotRun;
let daemon: RobustDaemon | undefined;

if (skip === false) {
  before(async () => {
    daemon = await RobustDaemon.start();
    await daemon.docker('tag', 'abode/base', IMAGE);
    await reference.take(daemon, IMAGE);
  });
  after(async () => {
    await reference.run(['rm', '-fv', NAME]);
    await reference.run(['rmi', '-f', IMAGE]);
    await daemon?.[Symbol.asyncDispose]();
    rmSync(host, { recursive: true, force: true });
  });
}

const expected = new Map<string, Finished[]>();

for (const [name, script] of Object.entries(SCRIPTS)) {
  for (const isolation of ISOLATIONS) {
    test(`${isolation.name} does as dockerd does: ${name}`, { skip, timeout: TEST_MS }, async () => {
      assert.ok(daemon);
      const own = daemon;
      if (!expected.has(name)) expected.set(name, await play((args) => reference.run(args), script, [], `${name}-dockerd`));
      const seen = await play((args) => own.run(args), script, isolation.options, `${name}-${isolation.name}`);
      const wanted = expected.get(name) ?? [];
      for (const [index, line] of script.entries()) assert.deepEqual(seen[index], wanted[index], line.join(' '));
    });
  }
}

async function play(
  run: (args: readonly string[]) => Promise<Finished>,
  script: readonly (readonly string[])[],
  options: readonly string[],
  place: string,
): Promise<Finished[]> {
  const directory = join(host, place.replaceAll(/\W/g, '-'));
  mkdirSync(directory, { recursive: true, mode: 0o755 });
  writeFileSync(join(directory, 'f'), 'of the host\n');
  const fill = (word: string): string => word.replaceAll(/\bH\b/g, directory).replaceAll(/\bV\b/g, NAME);
  const results: Finished[] = [];
  for (const line of script) {
    const args = line.flatMap((word) => {
      if (word === 'RUN') return ['run', '--rm', ...options];
      if (word === 'MAKE') return ['create', ...options];
      if (word === 'I') return [IMAGE];
      return [word.replace(/^N(?=:|$)/, NAME)].map(fill);
    });
    const { code, stdout, stderr } = await run(args);
    results.push({ code, stdout: normalise(stdout, directory), stderr: normalise(stderr, directory) });
  }
  return results;
}

/** Ids, places, Abode's notice that a template is made, and what Docker 28 and 20.10, runc and its successors word differently. */
function normalise(text: string, directory: string): string {
  return text
    .replaceAll(directory, 'H')
    .replaceAll(/[0-9a-f]{64}/g, 'ID')
    .replaceAll(/^abode: (making the VM template|the VM template is ready) .*\n/gm, '')
    .replaceAll('Invalid filter', 'invalid filter');
}
