/** What containers and images take of the disk, and how it is given back. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { conformance, type Subject } from '../fixtures/conformance.ts';

const { behaviour, once } = conformance();

async function rw(subject: Subject): Promise<number> {
  return Number(await subject.daemon.docker('inspect', '--size', '-f', '{{.SizeRw}}', subject.name));
}

behaviour('ps -s and inspect --size tell what a container wrote, while it runs and after', async (subject) => {
  await subject.background([], 'sh', '-c', 'head -c 3000000 /dev/urandom > /data; echo ready; sleep 1000');
  await subject.logged('ready');
  const size = await rw(subject);
  assert.ok(size >= 3_000_000 && size < 3_200_000, String(size));
  assert.match(
    await subject.daemon.docker('ps', '-s', '--format', '{{.Size}}', '-f', `name=${subject.name}`),
    /^3(\.\d+)?MB \(virtual [4-9](\.\d+)?MB\)$/,
  );
  await subject.daemon.docker('stop', '-t', '0', subject.name);
  // Of a VM's disk it is what it takes on the host, with what its filesystem needs.
  const after = await rw(subject);
  assert.ok(after >= 3_000_000 && after < 8_000_000, String(after));
  const [usage] = (
    JSON.parse(await subject.daemon.call('GET', '/system/df?type=container')) as {
      Containers: Array<{ SizeRw?: number; SizeRootFs: number }>;
    }
  ).Containers;
  assert.equal(usage?.SizeRw, after);
  assert.ok((usage?.SizeRootFs ?? 0) > after + 1_000_000);
});

once('df tells images as du does, and prune what it gave back', async (daemon) => {
  const before = JSON.parse(await daemon.call('GET', '/system/df')) as {
    LayersSize: number;
    Images: Array<{ Size: number; SharedSize: number }>;
  };
  // Files and links, each once.
  const count = `find ${daemon.root}/images/layers \\( -type f -o -type l \\) -printf '%i %s\\n' | sort -u | awk '{ s += $2 } END { print s }'`;
  const { stdout } = await promisify(execFile)('sh', ['-c', count]);
  assert.equal(before.LayersSize, Number(stdout));
  await daemon.docker('create', '--name', 'made', 'abode/base', 'true');
  await daemon.docker('cp', `${daemon.root}/images/layers/.`, 'made:/tmp');
  const pruned = await daemon.docker('system', 'prune', '-f');
  assert.match(pruned, /^Deleted Containers:\n[0-9a-f]{64}\n\nTotal reclaimed space: [1-9][0-9.]*[kM]?B$/);
  const after = JSON.parse(await daemon.call('GET', '/system/df')) as { LayersSize: number; Containers: unknown[] };
  assert.deepEqual([after.LayersSize, after.Containers.length], [before.LayersSize, 0]);
});
