/** Who a container's process is. */
import assert from 'node:assert/strict';
import { conformance } from '../fixtures/conformance.ts';

const { behaviour, everywhere, everywhereButCold } = conformance();

behaviour('without -u the process is root', async (subject) => {
  assert.equal(await subject.output([], 'id'), 'uid=0(root) gid=0(root) groups=0(root)');
});

everywhere('-u by name takes the group and home of the image', async (subject) => {
  assert.equal(
    await subject.output(['-u', 'abode'], 'sh', '-c', 'id; echo $HOME'),
    'uid=1000(abode) gid=1000(abode) groups=1000(abode)\n/home/abode',
  );
});

behaviour('-u by a number that the image knows takes its group', async (subject) => {
  assert.equal(await subject.output(['-u', '1000'], 'id'), 'uid=1000(abode) gid=1000(abode) groups=1000(abode)');
});

behaviour('-u by a number that nobody has is allowed', async (subject) => {
  assert.equal(await subject.output(['-u', '4242'], 'sh', '-c', 'id -u; id -g; echo $HOME'), '4242\n0\n/');
});

behaviour('-u UID:GID takes both', async (subject) => {
  assert.equal(await subject.output(['-u', '12:34'], 'sh', '-c', 'id -u; id -g'), '12\n34');
});

everywhereButCold('-u NAME:GROUP takes the group by name', async (subject) => {
  assert.equal(await subject.output(['-u', 'abode:nogroup'], 'sh', '-c', 'id -u; id -g'), '1000\n65534');
});

everywhereButCold('--group-add adds groups', async (subject) => {
  assert.equal(await subject.output(['-u', 'abode', '--group-add', '77', '--group-add', 'nogroup'], 'id', '-G'), '1000 77 65534');
});

everywhereButCold('an unknown user is refused', async (subject) => {
  const { code, stdout, stderr } = await subject.run(['-u', 'nosuch'], 'true');
  assert.equal(code, 125);
  assert.equal(stdout, '');
  assert.match(stderr, /^docker: Error response from daemon: unable to find user nosuch: no matching entries in passwd file$/m);
});

behaviour('an unknown group is refused', async (subject) => {
  const { code, stderr } = await subject.run(['-u', 'root:nosuch'], 'true');
  assert.equal(code, 125);
  assert.match(stderr, /^docker: Error response from daemon: unable to find group nosuch: no matching entries in group file$/m);
});

everywhereButCold('another user than root has no capabilities', async (subject) => {
  // gVisor's /proc does not tell the ambient ones.
  const kinds = ['Inh', 'Prm', 'Eff', ...(subject.isolation.name === 'runsc' ? [] : ['Amb'])];
  assert.equal(
    await subject.output(['-u', 'abode'], 'grep', '-E', 'CapEff|CapPrm|CapInh|CapAmb', '/proc/self/status'),
    kinds.map((kind) => `Cap${kind}:\t0000000000000000`).join('\n'),
  );
});
