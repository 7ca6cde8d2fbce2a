/** What QEMU may do on the host, as the kernel tells it: an escaped guest is an unprivileged stranger who can spoil nothing for others. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { cannotRun, RobustDaemon } from '../fixtures/robust-daemon.ts';
import { qemuOf, shimOf, status } from '../fixtures/seen-processes.ts';

const run = promisify(execFile);

/** The descriptor under which a process holds the template's memory. */
function templateDescriptor(pid: number): string {
  const directory = `/proc/${String(pid)}/fd`;
  const found = readdirSync(directory).find((fd) => readlinkSync(join(directory, fd)).includes('abode-template'));
  assert.ok(found !== undefined, `process ${String(pid)} holds the template's memory`);
  return join(directory, found);
}

/** Every way to change a file through a descriptor, as the given user. */
const TRY_TO_WRITE = `import mmap, os, sys
os.setgroups([]); os.setgid(int(sys.argv[2])); os.setuid(int(sys.argv[2]))
fd = os.open(sys.argv[1], os.O_RDWR)
for name, way in (
    ('write', lambda: os.pwrite(fd, b'x', 4096)),
    ('mapping', lambda: mmap.mmap(fd, 4096, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE)),
    ('cut', lambda: os.ftruncate(fd, 4096)),
):
    try:
        way()
        print(name, 'succeeded')
    except PermissionError:
        print(name, 'refused')
`;

function memoryGroup(pid: number): string {
  const line = readFileSync(`/proc/${String(pid)}/cgroup`, 'utf8')
    .split('\n')
    .find((entry) => entry.split(':')[1]?.split(',').includes('memory') === true || entry.startsWith('0::'));
  return line?.split(':')[2] ?? '';
}

function memoryLimit(group: string): number {
  for (const path of [`/sys/fs/cgroup/memory${group}/memory.limit_in_bytes`, `/sys/fs/cgroup${group}/memory.max`]) {
    try {
      return Number(readFileSync(path, 'utf8'));
    } catch {
      continue;
    }
  }
  return NaN;
}

describe('the confinement of QEMU', { skip: cannotRun, timeout: 300_000 }, () => {
  let daemon: RobustDaemon;
  const qemus: Array<{ id: string; pid: number }> = [];

  before(async () => {
    daemon = await RobustDaemon.start();
    for (const name of ['qemu-a', 'qemu-b']) {
      const id = await daemon.docker('run', '-d', '--name', name, '--runtime', 'vm', 'abode/base', 'sleep', '1000');
      qemus.push({ id, pid: qemuOf(shimOf(join(daemon.runDir, 'c', id.slice(0, 24)))) });
    }
  });
  after(async () => {
    await daemon[Symbol.asyncDispose]();
  });

  test('it is a user of its own, without capabilities or a way to get any', () => {
    for (const { pid } of qemus) {
      const uids = status(pid, 'Uid').split(/\s+/);
      assert.ok(
        uids.every((uid) => uid === uids[0] && Number(uid) >= 0x7000_0000),
        `uids ${uids.join(' ')}`,
      );
      const gids = status(pid, 'Gid').split(/\s+/);
      assert.ok(
        gids.every((gid) => gid === gids[0] && gid !== '0'),
        `gids ${gids.join(' ')}`,
      );
      assert.equal(status(pid, 'Groups').trim(), '');
      for (const set of ['CapEff', 'CapPrm', 'CapInh', 'CapAmb']) assert.equal(BigInt(`0x${status(pid, set)}`), 0n, set);
      assert.equal(status(pid, 'NoNewPrivs'), '1');
      assert.equal(status(pid, 'Seccomp'), '2');
    }
    assert.notEqual(status(qemus[0]?.pid ?? 0, 'Uid'), status(qemus[1]?.pid ?? 0, 'Uid'), 'two VMs are two users');
  });

  test('every one of its threads is confined', () => {
    for (const { pid } of qemus) {
      const threads = readdirSync(`/proc/${String(pid)}/task`);
      assert.ok(threads.length > 1);
      for (const thread of threads) {
        const text = readFileSync(`/proc/${String(pid)}/task/${thread}/status`, 'utf8');
        assert.match(text, /^Seccomp:\s*2$/m);
        assert.match(text, /^NoNewPrivs:\s*1$/m);
        assert.match(text, /^CapEff:\s*0+$/m);
      }
    }
  });

  test('its memory cgroup is its own, with a limit of the machine and a stated overhead', () => {
    for (const { id, pid } of qemus) {
      const group = memoryGroup(pid);
      assert.equal(group, `/abode/${id}`);
      assert.equal(memoryLimit(group), (2 * 1024 + 512) * 2 ** 20);
    }
  });

  test('a guest that uses nearly all of its memory, most of it for the first time, is not killed for it', async () => {
    const fill = 'dd if=/dev/zero of=/big bs=1M count=850 2>/dev/null; cat /big | wc -c';
    assert.equal(await daemon.docker('run', '--rm', '--runtime', 'vm', 'abode/base', 'sh', '-c', fill), String(850 * 2 ** 20));
  });

  test('it cannot write to the memory of the template, by any way to it', async () => {
    for (const { pid } of qemus) {
      const uid = status(pid, 'Uid').split(/\s+/)[0] ?? '';
      const path = templateDescriptor(pid);
      // As that user, and even as root: the file is sealed.
      for (const user of [uid, '0'])
        assert.equal(
          (await run('python3', ['-c', TRY_TO_WRITE, path, user])).stdout,
          'write refused\nmapping refused\ncut refused\n',
          `as user ${user}`,
        );
    }
  });

  test('what one clone writes to its memory no other sees', async () => {
    const untouched = await sampleOf(templateDescriptor(qemus[0]?.pid ?? 0));
    const marker = 'clone-a-was-here-'.repeat(4);
    // Page cache of a tmpfs: a few megabytes of the guest's RAM, some of it pages that the template had in use.
    await daemon.docker('exec', 'qemu-a', 'sh', '-c', `yes ${marker} | head -c 8000000 > /dev/shm/mark; sync`);
    const [first, second] = await Promise.all(qemus.map(({ pid }) => countInMemory(pid, marker)));
    assert.ok((first ?? 0) > 10_000, `the writer's own memory has it (${String(first)} times): the search can find it`);
    assert.equal(second, 0, 'the other clone has none of it');
    assert.equal(await sampleOf(templateDescriptor(qemus[1]?.pid ?? 0)), untouched, 'the template is as it was');
  });

  /** A hash of the whole template as a process of its own would read it. */
  async function sampleOf(path: string): Promise<string> {
    return (await run('sha256sum', [path])).stdout.split(' ')[0] ?? '';
  }

  /** How often a text is in the guest's RAM of a QEMU, read from outside. */
  async function countInMemory(pid: number, text: string): Promise<number> {
    const script = `import re,sys
pid, text = sys.argv[1], sys.argv[2].encode()
found = 0
with open(f'/proc/{pid}/maps') as maps, open(f'/proc/{pid}/mem', 'rb', 0) as memory:
    for line in maps:
        if 'abode-template' not in line: continue
        start, end = (int(part, 16) for part in line.split()[0].split('-'))
        for at in range(start, end, 1 << 24):
            memory.seek(at)
            found += memory.read(min(1 << 24, end - at)).count(text)
print(found)
`;
    return Number((await run('python3', ['-c', script, String(pid), text])).stdout);
  }
});
