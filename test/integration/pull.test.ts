/** Pulls from a real registry: what dockerd pushed, odd layers, passwords and TLS, and what happens when somebody dies meanwhile. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { tarOf } from '../../src/images/archive-fixture.ts';
import { ReferenceDocker } from '../fixtures/reference-docker.ts';
import { type PutLayer, Registry, registryMissing } from '../fixtures/registry.ts';
import { cannotRun, DOCKER, RobustDaemon } from '../fixtures/robust-daemon.ts';
import { pause, until } from '../fixtures/until.ts';

const skip = cannotRun === false ? registryMissing : cannotRun;
const noDocker = await ReferenceDocker.missing();
const dockerd = new ReferenceDocker(DOCKER);

const gzip = (tar: Buffer): PutLayer => ({ tar, kind: 'gzip', blob: gzipSync(tar, { level: 1 }) });
const zstd = (tar: Buffer): PutLayer => ({ tar, kind: 'zstd', blob: zstdCompressSync(tar) });

interface Line {
  readonly status?: string;
  readonly id?: string;
  readonly error?: string;
  readonly progressDetail?: { readonly current?: number; readonly total?: number };
}

describe('pull', { skip, timeout: 600_000 }, () => {
  let daemon: RobustDaemon;
  let registry: Registry;
  before(async () => {
    registry = await Registry.start();
    daemon = await RobustDaemon.startWithTemplates();
  });
  after(async () => {
    await daemon.removeAll();
    await daemon.removeVms();
    await daemon[Symbol.asyncDispose]();
    await registry[Symbol.asyncDispose]();
  });

  /** The stream's lines as they come; a cut connection ends them. */
  function pull(image: string, onLine: (line: Line) => void = () => undefined, signal?: AbortSignal): Promise<Line[]> {
    return new Promise((resolve, reject) => {
      const [name, tag] = [image.slice(0, image.lastIndexOf(':')), image.slice(image.lastIndexOf(':') + 1)];
      const path = `/v1.41/images/create?fromImage=${encodeURIComponent(name)}&tag=${tag}`;
      const asked = request({ socketPath: daemon.socket, method: 'POST', path, ...(signal && { signal }) }, (answer) => {
        const lines: Line[] = [];
        let rest = '';
        answer.setEncoding('utf8').on('data', (text: string) => {
          const parts = (rest + text).split('\r\n');
          rest = parts.pop() ?? '';
          for (const part of parts) {
            const line = JSON.parse(part) as Line;
            lines.push(line);
            onLine(line);
          }
        });
        answer.once('error', reject).once('end', () => {
          resolve(lines);
        });
      });
      asked.once('error', reject).end();
    });
  }

  const leftInStore = (): string[] => readdirSync(join(daemon.root, 'images', 'tmp'));

  test('what dockerd pushed is run in every isolation, with the same digest', { skip: noDocker }, async () => {
    const image = `${registry.host}/team/bb:1`;
    const pushed = await pushByDockerd(image);
    const { code, stdout, stderr } = await daemon.run(['run', '--rm', image, 'cat', '/made']);
    assert.deepEqual([code, stdout], [0, 'made\n'], stderr);
    assert.match(stderr, /Unable to find image '.*' locally\n1: Pulling from team\/bb\n/);
    assert.match(stderr, new RegExp(`Pull complete\nDigest: ${pushed}\nStatus: Downloaded newer image for ${image}`));
    assert.equal(await daemon.docker('run', '--rm', '--runtime', 'vm', image, 'cat', '/made'), 'made');
    assert.equal(await daemon.docker('run', '--rm', '--runtime', 'vm:pull', image, 'cat', '/made'), 'made');
    assert.match(await daemon.docker('pull', image), /Status: Image is up to date for/);
    assert.match(await daemon.docker('images', '--digests', '--no-trunc'), new RegExp(`/team/bb +1 +${pushed} `));
    const byDigest = `${registry.host}/team/bb@${pushed}`;
    assert.equal(await daemon.docker('inspect', '--format', '{{json .RepoDigests}}', image), JSON.stringify([byDigest]));
    assert.deepEqual((await daemon.docker('rmi', image)).split('\n').slice(0, 2), [`Untagged: ${image}`, `Untagged: ${byDigest}`]);
    assert.equal(await daemon.docker('run', '--rm', byDigest, 'echo', 'again'), 'again');
    assert.match(await daemon.docker('rmi', byDigest), /^Untagged: .*@sha256:[0-9a-f]{64}\nDeleted: /);
    await until('nothing is left', 20_000, () => leftInStore().length === 0);
  });

  async function pushByDockerd(image: string): Promise<string> {
    await dockerd.take(daemon, 'abode/base');
    const container = `abode-pull-${String(process.pid)}`;
    try {
      // A layer of dockerd's own above one that Abode has.
      await dockerd.run(['run', '--name', container, 'abode/base', 'sh', '-c', 'echo made > /made']);
      await dockerd.run(['commit', container, image]);
      const { stdout, stderr } = await dockerd.run(['push', image]);
      return /digest: (sha256:[0-9a-f]{64})/.exec(stdout)?.[1] ?? assert.fail(stderr);
    } finally {
      await dockerd.run(['rm', container]);
      await dockerd.run(['rmi', image, 'abode/base']);
    }
  }

  test('layers of gzip and zstd, one of them twice; a layer that is there is not fetched again', async () => {
    const one = gzip(await tarOf({ name: 'one', content: '1' }));
    const two = zstd(await tarOf({ name: 'two', content: '2' }));
    const digest = await registry.put('odd', '1', [one, two, one]);
    const lines = await pull(`${registry.host}/odd:1`);
    assert.deepEqual(
      lines.filter(({ id }) => id === undefined).map(({ status }) => status),
      [`Digest: ${digest}`, `Status: Downloaded newer image for ${registry.host}/odd:1`],
    );
    assert.equal(lines.filter(({ status }) => status === 'Pull complete').length, 3);
    await registry.put('odd', '2', [one, two, zstd(await tarOf({ name: 'three', content: '3' }))]);
    const statuses = (await pull(`${registry.host}/odd:2`)).map(({ status }) => status);
    assert.equal(statuses.filter((status) => status === 'Already exists').length, 2);
    assert.equal(statuses.filter((status) => status === 'Download complete').length, 1);
    await daemon.docker('rmi', `${registry.host}/odd:1`, `${registry.host}/odd:2`);
  });

  test('a layer that is not what the configuration says leaves nothing', async () => {
    const told = await tarOf({ name: 'told', content: 'a' });
    const sent = await tarOf({ name: 'sent', content: 'b' });
    await registry.put('lie', '1', [gzip(await tarOf({ name: 'good', content: 'g' })), { ...gzip(sent), tar: told }]);
    const { code, stderr } = await daemon.run(['pull', `${registry.host}/lie:1`]);
    assert.equal(code, 1);
    assert.match(stderr, /invalid diffID for layer 1/);
    assert.equal(await daemon.docker('images', '-q', `${registry.host}/lie`), '');
    await until('nothing is left', 20_000, () => leftInStore().length === 0);
  });

  test('an image or a registry that is not there is told in words', async () => {
    const absent = await daemon.run(['pull', `${registry.host}/absent:1`]);
    assert.match(absent.stderr, /manifest for 127\.0\.0\.1:\d+\/absent:1 not found: manifest unknown/);
    const nowhere = await daemon.run(['pull', '127.0.0.1:1/x']);
    assert.match(nowhere.stderr, /Get "http:\/\/127\.0\.0\.1:1\/v2\/": dial tcp 127\.0\.0\.1:1: connect: connection refused/);
    const foreign = await daemon.run(['pull', '--platform', 'windows/amd64', `${registry.host}/absent:1`]);
    assert.match(foreign.stderr, /operating system "windows" cannot be used/);
  });

  test('the daemon, the registry or the client dies in mid-transfer: the same command succeeds, nothing is left', async () => {
    const image = `${registry.host}/large:1`;
    const large = await Promise.all(
      [1, 2, 3, 4].map(async (number) =>
        gzip(await tarOf({ name: `random${String(number)}`, content: randomBytes(12 << 20).toString('latin1') })),
      ),
    );
    await registry.put('large', '1', large);
    const onDownload =
      (act: () => void) =>
      ({ status }: Line) => {
        if (status === 'Downloading') act();
      };

    await assert.rejects(
      pull(
        image,
        onDownload(() => process.kill(daemon.pid, 'SIGKILL')),
      ),
    );
    await daemon.kill();
    await daemon.startAgain();
    assert.equal(await daemon.docker('images', '-q', image), '');
    await until('the rest of the killed pull is gone', 20_000, () => leftInStore().length === 0);

    const client = new AbortController();
    await assert.rejects(
      pull(
        image,
        onDownload(() => {
          client.abort();
        }),
        client.signal,
      ),
    );
    await until('the rest of the left pull is gone', 20_000, () => leftInStore().length === 0);
    assert.equal(await daemon.docker('images', '-q', image), '');

    let killed: Promise<void> | undefined;
    const lines = await pull(
      image,
      onDownload(() => {
        killed ??= registry
          .kill()
          .then(() => pause(1000))
          .then(() => registry.startAgain());
      }),
    );
    await killed;
    assert.match(lines.at(-1)?.status ?? JSON.stringify(lines.at(-1)), /^Status: Downloaded newer image/);
    assert.equal(readdirSync(join(daemon.root, 'images', 'layers')).length, 1 + large.length);
    await daemon.docker('rmi', image);
    await until('the layers are gone', 20_000, () => readdirSync(join(daemon.root, 'images', 'layers')).length === 1);
  });

  test('a registry with TLS and a password', async () => {
    const login = { username: 'ann', password: 'se:cret' };
    await using closed = await Registry.start({ tls: true, login });
    const image = `${closed.host}/x:1`;
    const stranger = await daemon.run(['pull', image]);
    assert.match(stranger.stderr, /unauthorized: authentication required/i);
    const header = Buffer.from(JSON.stringify(login)).toString('base64url');
    const answer = await new Promise<number>((resolve, reject) => {
      const path = `/v1.41/images/create?fromImage=${encodeURIComponent(`${closed.host}/x`)}&tag=1`;
      const asked = request(
        { socketPath: daemon.socket, method: 'POST', path, headers: { 'x-registry-auth': header } },
        ({ statusCode = 0 }) => {
          resolve(statusCode);
        },
      );
      asked.once('error', reject).end();
    });
    // Let in, and there is no such image.
    assert.equal(answer, 404);
    assert.doesNotMatch(await daemon.log(), /se:cret/);
  });
});
