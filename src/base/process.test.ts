import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { test } from 'node:test';
import { withDeadline } from './deadline.ts';
import { ProcessError, run } from './process.ts';

const PATIENCE_MS = 20_000;
const options = { timeout: 2 * PATIENCE_MS };
const within = <T>(promise: Promise<T>): Promise<T> => withDeadline(promise, PATIENCE_MS, 'the end of the process');

function failure(check: (error: ProcessError) => void): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof ProcessError, String(error));
    check(error);
    return true;
  };
}

test('gives both outputs, apart', options, async () => {
  const { stdout, stderr } = await run('sh', ['-c', 'echo out; echo err >&2']);
  assert.deepEqual([stdout, stderr], ['out\n', 'err\n']);
});

test('arguments are passed as they are, no shell reads them', options, async () => {
  const { stdout } = await run('printf', ['%s|', '$HOME', 'a b', '*', '']);
  assert.equal(stdout, '$HOME|a b|*||');
});

test('the environment is the one given, else a plain one', options, async () => {
  process.env['ABODE_TEST_SECRET'] = 'x';
  try {
    assert.doesNotMatch((await run('env', [])).stdout, /ABODE_TEST_SECRET/);
    assert.equal((await run('/usr/bin/env', [], { env: { ONLY: '1' } })).stdout, 'ONLY=1\n');
  } finally {
    delete process.env['ABODE_TEST_SECRET'];
  }
});

test('a status other than 0 is an error that says what the process said', options, async () => {
  await assert.rejects(
    run('sh', ['-c', 'echo partial; echo "it broke" >&2; exit 3']),
    failure((error) => {
      assert.equal(error.exitCode, 3);
      assert.equal(error.stderr, 'it broke\n');
      assert.equal(error.message, 'sh failed with status 3: it broke');
    }),
  );
});

test('without words on stderr the output has to explain', options, async () => {
  await assert.rejects(run('sh', ['-c', 'echo why; exit 1']), /failed with status 1: why$/);
  await assert.rejects(run('sh', ['-c', 'exit 1']), /^ProcessError: sh failed with status 1$/);
});

test('an end by a signal is named', options, async () => {
  await assert.rejects(
    run('sh', ['-c', 'kill -TERM $$']),
    failure((error) => {
      assert.equal(error.exitCode, null);
      assert.match(error.message, /was ended by SIGTERM/);
    }),
  );
});

test('a command that is missing is named, with no exit code', options, async () => {
  await assert.rejects(
    run('abode-no-such-command', []),
    failure((error) => {
      assert.equal(error.exitCode, null);
      assert.match(error.message, /^abode-no-such-command could not be started: .*ENOENT/);
    }),
  );
});

test('a missing command with input is the same error, and no unhandled one', options, async () => {
  await assert.rejects(run('abode-no-such-command', [], { input: 'x'.repeat(100_000) }), ProcessError);
  await assert.rejects(run('abode-no-such-command', [], { input: Readable.from(['x']) }), ProcessError);
  await sleep(20);
});

test('a process that takes too long is killed at its deadline', options, async () => {
  await assert.rejects(
    within(run('sleep', ['600'], { timeoutMs: 100 })),
    failure((error) => {
      assert.match(error.message, /^sleep did not end within 100 ms/);
    }),
  );
});

test('the deadline holds although a child of the process keeps its output open', options, async () => {
  await assert.rejects(
    within(run('sh', ['-c', 'sleep 30 & echo begun; wait'], { timeoutMs: 500 })),
    failure((error) => {
      assert.match(error.message, /did not end within 500 ms: begun/);
    }),
  );
});

test('output beyond the bound is read and dropped', options, async () => {
  const { stdout } = await run('sh', ['-c', 'head -c 3000000 /dev/zero | tr "\\0" x; echo end >&2'], { maxOutput: 1000 });
  assert.equal(stdout, 'x'.repeat(1000));
});

test('input is fed from a string, bytes or a stream, whole', options, async () => {
  const big = 'abc\n'.repeat(100_000);
  const sum = (await run('sha256sum', [], { input: big })).stdout;
  assert.equal((await run('sha256sum', [], { input: Buffer.from(big) })).stdout, sum);
  assert.equal((await run('sha256sum', [], { input: Readable.from([Buffer.from(big)]) })).stdout, sum);
  assert.notEqual((await run('sha256sum', [], { input: '' })).stdout, sum);
});

test('a process may leave without reading its input', options, async () => {
  const endless = (): Readable =>
    new Readable({
      read() {
        this.push(Buffer.alloc(65_536));
      },
    });
  await within(run('true', [], { input: 'x'.repeat(1_000_000) }));
  await within(run('true', [], { input: endless() }));
  await assert.rejects(
    within(run('sh', ['-c', 'exit 7'], { input: endless() })),
    failure((error) => {
      assert.equal(error.exitCode, 7);
    }),
  );
});

test('a process that ends while its input has nothing to give is told by its status', options, async () => {
  const silent = new Readable({ read: () => undefined });
  await assert.rejects(
    within(run('sh', ['-c', 'exit 7'], { input: silent })),
    failure((error) => {
      assert.equal(error.exitCode, 7);
    }),
  );
});

test('an input that fails is the error', options, async () => {
  const broken = new Readable({
    read() {
      this.destroy(new Error('the disk is gone'));
    },
  });
  await assert.rejects(within(run('cat', [], { input: broken })), /the disk is gone/);
});

test('an abort ends the process', options, async () => {
  const abort = new AbortController();
  const running = run('sleep', ['600'], { signal: abort.signal });
  setTimeout(() => {
    abort.abort();
  }, 50);
  await assert.rejects(
    within(running),
    failure((error) => {
      assert.match(error.message, /^sleep was given up: .*abort/);
    }),
  );
});
