/** A client that others built, against the API. */
import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import test from 'node:test';
import Docker from 'dockerode';
import { startApi } from './fixture.ts';

test('dockerode: attach with input, logs, exec, images, events', async (t) => {
  const { socket, engine } = await startApi(t);
  const docker = new Docker({ socketPath: socket });
  assert.equal((await docker.ping()).toString(), 'OK');
  assert.equal((await docker.version()).ApiVersion, '1.51');
  const container = await docker.createContainer({
    Image: 'bb:1',
    Cmd: ['cat'],
    OpenStdin: true,
    StdinOnce: true,
  });
  const stream = await container.attach({
    stream: true,
    stdin: true,
    stdout: true,
    stderr: true,
    hijack: true,
  });
  await container.start();
  stream.end('through the pipe');
  const echoed = await text(stream);
  assert.equal(echoed.slice(8), 'through the pipe');
  assert.deepEqual(await container.wait(), { StatusCode: 0 });
  const logs = await container.logs({ stdout: true, stderr: true });
  assert.match(logs.toString(), /through the pipe$/);
  assert.equal((await container.inspect()).State.ExitCode, 0);
  assert.equal((await docker.listContainers({ all: true })).length, 1);
  await container.remove({ force: true });
  await assert.rejects(container.inspect(), { statusCode: 404 });

  const box = await docker.createContainer({ Image: 'bb:1', Cmd: ['sleep'], name: 'box' });
  await box.start();
  const exec = await box.exec({ Cmd: ['cat'], AttachStdin: true, AttachStdout: true });
  const typed = await exec.start({ hijack: true, stdin: true });
  typed.end('typed');
  assert.equal((await text(typed)).slice(8), 'typed');
  assert.equal((await exec.inspect()).ExitCode, 0);
  const plain = await box.exec({ Cmd: ['echo', 'plain'], AttachStdout: true });
  assert.equal((await text(await plain.start({}))).slice(8), 'plain\n');
  await box.stop({ t: 1 });

  const archive = await docker.getImage('bb:1').get();
  assert.ok((await text(archive)).length > 1 << 20);
  const progress = await docker.loadImage(Readable.from([Buffer.alloc(1 << 20)]));
  assert.match(await text(progress), /Loaded image: loaded:1/);
  const events = await docker.getEvents({ since: 1, until: 2 });
  assert.match(await text(events), /"Action":"create"/);
  assert.equal((await docker.listNetworks()).map(({ Name }) => Name).join(), 'bridge,none');
  assert.deepEqual((await docker.listVolumes()).Volumes, []);
  assert.equal(engine.get('box').state.status, 'exited');
});
