/** A Debian as an image: apt installs over the network in a container and in a VM, with the same result. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { cannotRun, RobustDaemon } from '../fixtures/robust-daemon.ts';

const run = promisify(execFile);
const CACHE = '/tmp/abode-test-cache';
const TAR = join(CACHE, 'debian-minbase.tar');
const INSTALL =
  'export DEBIAN_FRONTEND=noninteractive; apt-get update -q >/dev/null && apt-get install -q -y --no-install-recommends hello >/dev/null && hello';

const skip = cannotRun === false ? (existsSync('/usr/bin/mmdebstrap') ? false : 'mmdebstrap is not installed') : cannotRun;

/** The host's own sources and settings of apt: they say how packages are reached from here. */
async function debianRoot(): Promise<string> {
  if (existsSync(TAR)) return TAR;
  await mkdir(CACHE, { recursive: true });
  const work = await mkdtemp(join(CACHE, 'make-'));
  try {
    const sources = await debianSources(work);
    const settings = (await readdir('/etc/apt/apt.conf.d')).filter((name) => /proxy|retries/i.test(name));
    const hooks = settings.map((name) => `--customize-hook=upload "/etc/apt/apt.conf.d/${name}" "/etc/apt/apt.conf.d/${name}"`);
    const made = join(work, 'root.tar');
    await run('mmdebstrap', ['--variant=minbase', '--format=tar', ...hooks, 'bookworm', made, sources], {
      timeout: 400_000,
      maxBuffer: 16 << 20,
    });
    await rename(made, TAR);
    return TAR;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** Only Debian's: a third party's key is on the host, not in the image. */
async function debianSources(work: string): Promise<string> {
  const directory = '/etc/apt/sources.list.d';
  const files = [...(await readdir(directory)).filter((name) => name.endsWith('.sources')).map((name) => join(directory, name))];
  for (const file of files) {
    const text = await readFile(file, 'utf8');
    if (!text.includes('Suites: bookworm')) continue;
    const path = join(work, 'debian.sources');
    await writeFile(path, text);
    return path;
  }
  return '/etc/apt/sources.list';
}

test('apt installs the same in a container and in a VM', { skip, timeout: 900_000 }, async (t) => {
  const tar = await debianRoot().catch((error: unknown) => {
    t.skip(`a Debian could not be made here: ${error instanceof Error ? error.message.slice(0, 300) : String(error)}`);
    return undefined;
  });
  if (tar === undefined) return;
  await using daemon = await RobustDaemon.start();
  await daemon.docker('import', tar, 'debian:test');
  const lists: string[] = [];
  for (const [name, ...options] of [['container'], ['vm', '--runtime', 'vm', '-m', '1g']] as string[][]) {
    const installed = await daemon.run(
      ['run', '--name', name ?? '', ...options, 'debian:test', 'sh', '-c', `${INSTALL} && dpkg-query -W`],
      { timeoutMs: 400_000 },
    );
    assert.equal(installed.code, 0, `${String(name)}: ${installed.stdout}\n${installed.stderr}`);
    const [greeting, ...packages] = installed.stdout.trimEnd().split('\n');
    assert.equal(greeting, 'Hello, world!');
    assert.ok(packages.some((line) => line.startsWith('hello\t')));
    assert.ok(packages.length > 50);
    lists.push(packages.join('\n'));
  }
  assert.equal(lists[0], lists[1], 'the same packages are installed');
});
