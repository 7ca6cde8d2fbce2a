/** The file server without a VM: what a hostile guest's kernel may send, and what it gets. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { once } from 'node:events';
import { join } from 'node:path';
import { test } from 'node:test';
import { AGENT, FilesClient, Op, text, words32 } from './share-client.ts';

const skip = process.getuid?.() !== 0 ? 'needs root' : existsSync(AGENT) ? false : 'the agent is not built';

const ENOENT = -2;
const EINTR = -4;
const EBADF = -9;
const EAGAIN = -11;
const EACCES = -13;
const EINVAL = -22;
const ENOSYS = -38;
const ELOOP = -40;
const ESTALE = -116;

const F_WRLCK = 1;
const F_UNLCK = 2;
const FLOCK = 1;

test('files are made for who asks, read and written', { skip }, async () => {
  await using client = await FilesClient.start();
  const made = await client.ask(Op.CREATE, 1n, Buffer.concat([words32(2, 0o100_640, 0, 0), text('f')]), { uid: 5, gid: 6 });
  assert.equal(made.error, 0);
  const node = made.content.readBigUInt64LE(0);
  const handle = made.content.readBigUInt64LE(128);
  const write = Buffer.alloc(40);
  write.writeBigUInt64LE(handle, 0);
  write.writeUInt32LE(5, 16);
  assert.equal((await client.ask(Op.WRITE, node, Buffer.concat([write, Buffer.from('hello')]))).error, 0);
  const read = Buffer.alloc(40);
  read.writeBigUInt64LE(handle, 0);
  read.writeUInt32LE(100, 16);
  assert.equal((await client.ask(Op.READ, node, read)).content.toString(), 'hello');
  const { uid, gid, mode } = statSync(join(client.directory, 'f'));
  assert.deepEqual([uid, gid, mode & 0o7777], [5, 6, 0o640]);
  assert.equal(readFileSync(join(client.directory, 'f'), 'utf8'), 'hello');
});

test('no name leads out of the directory', { skip }, async () => {
  await using client = await FilesClient.start();
  symlinkSync('/etc/passwd', join(client.directory, 'link'));
  symlinkSync('/', join(client.directory, 'root'));
  mkdirSync(join(client.directory, 'd'));
  for (const name of ['..', '.', '', '/', '/etc', 'd/..', '../etc', 'd/../..'])
    assert.equal((await client.ask(Op.LOOKUP, 1n, text(name))).error, ENOENT, name);
  assert.equal((await client.ask(Op.LOOKUP, await client.node('d'), text('..'))).error, ENOENT);
  // A link is looked at, never followed.
  const link = await client.node('link');
  assert.equal((await client.open(link, 0)).error, EACCES);
  assert.equal((await client.ask(Op.LOOKUP, await client.node('root'), text('etc'))).error, -20);
  assert.equal((await client.ask(Op.CREATE, 1n, Buffer.concat([words32(0x41, 0o100_644, 0, 0), text('link')]))).error, ELOOP);
  for (const body of [text('../out'), text('a/b')])
    assert.equal((await client.ask(Op.MKDIR, 1n, Buffer.concat([words32(0o755, 0), body]))).error, EINVAL);
  const rename = Buffer.alloc(8);
  rename.writeBigUInt64LE(1n);
  assert.equal((await client.ask(Op.RENAME, 1n, Buffer.concat([rename, text('d', '../out')]))).error, EINVAL);
  assert.equal((await client.ask(Op.UNLINK, 1n, text('..'))).error, EINVAL);
  assert.deepEqual(readdirSync(client.directory).sort(), ['d', 'link', 'root']);
});

test('a directory that is moved away is no way to what is above it', { skip }, async () => {
  await using client = await FilesClient.start();
  mkdirSync(join(client.directory, 'a/b'), { recursive: true });
  const inner = await client.node('b', await client.node('a'));
  writeFileSync(join(client.directory, 'secret'), '');
  renameSync(join(client.directory, 'a/b'), join(client.directory, 'b'));
  assert.equal((await client.ask(Op.LOOKUP, inner, text('..'))).error, ENOENT);
});

test("devices can be made, as root's containers can, and never opened", { skip }, async () => {
  await using client = await FilesClient.start();
  const made = await client.ask(Op.MKNOD, 1n, Buffer.concat([words32(0o020_666, (1 << 8) | 3, 0, 0), text('null')]));
  assert.equal(made.error, 0);
  assert.ok(lstatSync(join(client.directory, 'null')).isCharacterDevice());
  assert.equal((await client.open(made.content.readBigUInt64LE(0), 2)).error, EACCES);
  assert.equal((await client.ask(Op.SETLK, made.content.readBigUInt64LE(0), FilesClient.lock(0n, 1n, F_WRLCK))).error, EBADF);
  const fifo = await client.ask(Op.MKNOD, 1n, Buffer.concat([words32(0o010_666, 0, 0, 0), text('fifo')]));
  assert.equal((await client.open(fifo.content.readBigUInt64LE(0), 0)).error, EACCES, 'it would wait for ever');
});

test('numbers that were never given are refused', { skip }, async () => {
  await using client = await FilesClient.start();
  writeFileSync(join(client.directory, 'f'), 'x');
  const node = await client.node('f');
  for (const wrong of [0n, 2n ** 63n, 999_999n]) assert.equal((await client.ask(Op.GETATTR, wrong, Buffer.alloc(16))).error, ESTALE);
  const read = Buffer.alloc(40);
  for (const wrong of [0n, 63n, 64n, 2n ** 64n - 1n]) {
    read.writeBigUInt64LE(wrong, 0);
    assert.equal((await client.ask(Op.READ, node, read)).error, EBADF);
    assert.equal((await client.ask(Op.RELEASE, node, read)).error, EBADF);
    assert.equal((await client.ask(Op.READDIR, node, read)).error, EBADF);
  }
  const { handle } = await client.open(node, 2);
  const write = Buffer.alloc(44);
  write.writeBigUInt64LE(handle, 0);
  write.writeUInt32LE(1 << 30, 16);
  assert.equal((await client.ask(Op.WRITE, node, write)).error, EINVAL, 'more than was sent');
  assert.equal((await client.ask(Op.LOOKUP, 1n, Buffer.from('without an end'))).error, ENOENT);
  assert.equal((await client.ask(Op.MKDIR, 1n, Buffer.alloc(3))).error, EINVAL);
  assert.equal((await client.ask(4095, 1n)).error, ENOSYS);
});

test('who waits for a lock gets it when it is free, in turn, or is interrupted; others go on meanwhile', { skip }, async () => {
  await using client = await FilesClient.start();
  writeFileSync(join(client.directory, 'f'), 'x');
  const node = await client.node('f');
  for (const flags of [0, FLOCK]) {
    const { handle } = await client.open(node, 2);
    const other = await client.open(node, 2);
    const lock = (owner: bigint, type: number): Buffer => FilesClient.lock(owner === 1n ? handle : other.handle, owner, type, flags);
    assert.equal((await client.ask(Op.SETLK, node, lock(1n, F_WRLCK))).error, 0);
    assert.equal((await client.ask(Op.SETLK, node, lock(2n, F_WRLCK))).error, EAGAIN);
    const waiting = client.send(Op.SETLKW, node, lock(2n, F_WRLCK));
    const given = client.send(Op.SETLKW, node, lock(3n, F_WRLCK));
    assert.equal((await client.ask(Op.GETATTR, node, Buffer.alloc(16))).error, 0);
    assert.ok(!client.answered(waiting));
    const interrupt = Buffer.alloc(8);
    interrupt.writeBigUInt64LE(given);
    client.send(Op.INTERRUPT, 0n, interrupt);
    assert.equal((await client.answer(given)).error, EINTR);
    assert.equal((await client.ask(Op.SETLK, node, lock(1n, F_UNLCK))).error, 0);
    assert.equal((await client.answer(waiting)).error, 0);
    const release = Buffer.alloc(24);
    release.writeBigUInt64LE(other.handle, 0);
    assert.equal((await client.ask(Op.RELEASE, node, release)).error, 0);
    assert.equal((await client.ask(Op.SETLK, node, lock(1n, F_WRLCK))).error, 0, 'what a closed file had locked is free');
    release.writeBigUInt64LE(handle, 0);
    await client.ask(Op.RELEASE, node, release);
  }
});

test('the server sees the directory and nothing else, and can do little', { skip }, async () => {
  await using client = await FilesClient.start();
  const [child = ''] = readFileSync(`/proc/${String(client.server.pid)}/task/${String(client.server.pid)}/children`, 'utf8').split(' ');
  const status = readFileSync(`/proc/${child}/status`, 'utf8');
  const mask = BigInt(`0x${/^CapEff:\s*(\w+)$/m.exec(status)?.[1] ?? ''}`);
  assert.equal(mask & ~0b1000_0000_0000_0000_0000_1101_1011n, 0n, 'chown, dac_override, fowner, fsetid, setgid, setuid, mknod');
  assert.match(status, /^Seccomp:\s*2$/m);
  assert.match(status, /^NoNewPrivs:\s*1$/m);
  writeFileSync(join(client.directory, 'mine'), '');
  assert.deepEqual(readdirSync(`/proc/${child}/root`), ['mine']);
  for (const kind of ['mnt', 'pid', 'net', 'ipc'])
    assert.notEqual(readlinkSync(`/proc/${child}/ns/${kind}`), readlinkSync(`/proc/self/ns/${kind}`), kind);
});

test('a request that breaks the rules of the link ends the server, garbage never crashes it', { skip }, async () => {
  for (const length of [0, 39, 1 << 30]) {
    await using client = await FilesClient.start();
    client.raw(Buffer.concat([words32(length), Buffer.alloc(36)]));
    const [code, signal] = (await once(client.server, 'close')) as [number | null, string | null];
    assert.deepEqual([code, signal], [1, null], client.stderr);
    assert.match(client.stderr, /a request of \d+ bytes/);
  }
  await using client = await FilesClient.start();
  for (const name of ['a', 'b', 'c']) writeFileSync(join(client.directory, name), name);
  mkdirSync(join(client.directory, 'd'));
  for (let round = 0; round < 20_000; round += 1) {
    const body = randomBytes(round % 97);
    // Small numbers hit what is there.
    for (let at = 0; at + 8 <= body.length; at += 8)
      if (body.readUInt8(at) % 3 > 0) body.writeBigUInt64LE(BigInt(body.readUInt8(at + 1) % 6), at);
    client.send(1 + (round % 52), BigInt(round % 5), round % 4 === 0 ? Buffer.concat([body, text('a', 'b')]) : body);
    if (round % 500 === 0) await client.ask(Op.GETATTR, 1n, Buffer.alloc(16));
  }
  assert.equal((await client.ask(Op.GETATTR, 1n, Buffer.alloc(16))).error, 0, client.stderr);
});
