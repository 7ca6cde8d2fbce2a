import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { run } from '../base/process.ts';
import { overlayOptions } from './overlay.ts';

/** Cut at separators that are not escaped, as the kernel does (fs/overlayfs/super.c). */
function cut(text: string, separator: string): string[] {
  const parts = [''];
  for (let at = 0; at < text.length; at += 1) {
    const escaped = text[at] === '\\';
    if (text[at] === separator) parts.push('');
    else parts[parts.length - 1] += escaped ? text.slice(at, at + 2) : (text[at] ?? '');
    if (escaped) at += 1;
  }
  return parts;
}

const plain = (text: string): string => text.replace(/\\(.)/gs, '$1');

test('plain paths are written as they are', () => {
  assert.equal(overlayOptions(['/l/top', '/l/base'], '/u', '/w'), 'lowerdir=/l/top:/l/base,upperdir=/u,workdir=/w');
});

test('whatever characters are in the paths, they are read back', () => {
  const path = fc.stringMatching(/^\/[a-z:,\\= ]{1,12}$/);
  fc.assert(
    fc.property(fc.array(path, { minLength: 1, maxLength: 5 }), path, path, (layers, upper, work) => {
      const [lower = '', ...others] = cut(overlayOptions(layers, upper, work), ',');
      assert.deepEqual(cut(lower.slice('lowerdir='.length), ':').map(plain), layers);
      assert.deepEqual(others.map(plain), [`upperdir=${upper}`, `workdir=${work}`]);
    }),
  );
});

const PERL = `my ($at, $options, $type) = (@ARGV, "overlay");
  syscall(165, $type, $at, $type, 0, $options) == 0 or die "mount: $!"; exec "cat", "$at/low", "$at/top"`;
const needsRoot = process.getuid?.() === 0 ? false : 'needs root';

test('the kernel mounts from directories with separators in their names', { skip: needsRoot, timeout: 60_000 }, async () => {
  const root = await mkdtemp(join(tmpdir(), 'abode-overlay-'));
  try {
    const [low, top, base, at] = ['low:1,a', 'top\\2:,b', 'base,c:', 'merged'].map((name) => join(root, name)) as [
      string,
      string,
      string,
      string,
    ];
    for (const directory of [low, top, base, at, join(root, 'tmp')]) await mkdir(directory);
    await writeFile(join(low, 'low'), 'lower ');
    await writeFile(join(top, 'top'), 'upper');
    // An overlay's upper directory cannot lie on an overlay: a tmpfs of this namespace can hold it.
    const options = overlayOptions([top, low, base], join(root, 'tmp/up,d:e'), join(root, 'tmp/work:f,g'));
    const script = 'mount -t tmpfs none "$1" && mkdir "$1/up,d:e" "$1/work:f,g" && exec perl -e "$2" "$3" "$4"';
    const { stdout } = await run('unshare', ['-m', 'sh', '-c', script, 'sh', join(root, 'tmp'), PERL, at, options]);
    assert.equal(stdout, 'lower upper');
  } finally {
    await rm(root, { recursive: true });
  }
});
