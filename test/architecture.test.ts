/** The house rules, held by tests; each rule has a planted violation that it must catch. */
import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { LAYERS } from './architecture/layers.ts';
import { cycles, environmentViolations, layerViolations, namedPaths, nameViolations, spawnViolations } from './architecture/rules.ts';
import { parseSource, readSources } from './architecture/source-file.ts';

const ROOT = join(import.meta.dirname, '..');
const sources = readSources(ROOT, ['src/**/*.ts']);
const everything = globSync(['{src,test,bench}/**/*.ts', 'agent/test/**/*.ts'], { cwd: ROOT });

describe('layers', () => {
  test('src/ keeps to the table', () => {
    assert.ok(sources.length > 50, 'the sources were found');
    assert.deepEqual(layerViolations(sources, LAYERS), []);
  });

  test('planted violations are caught', () => {
    const planted = [
      ['src/base/planted.ts', 'import { loadConfig } from "../config/config.ts";'],
      ['src/images/planted.ts', 'import type { Sandbox } from "../sandbox/sandbox.ts";'],
      ['src/api/containers/planted.ts', 'export { NetworkStore } from "../../network/network.ts";'],
      ['src/cli/planted.ts', 'const store = await import("../images/store.ts");'],
      ['src/engine/planted.ts', "const name = '../api/' + 'app.ts'; await import(name);"],
      ['src/network/planted.ts', 'import "../../test/fixtures/network.ts";'],
      ['src/elsewhere/planted.ts', 'export const planted = 1;'],
      ['src/planted.ts', 'export const planted = 1;'],
    ] as const;
    for (const [path, text] of planted) {
      assert.equal(layerViolations([parseSource(path, text)], LAYERS).length, 1, `${path} must be caught: ${text}`);
    }
  });

  test('what the table allows passes', () => {
    const allowed = [
      ['src/api/allowed.ts', 'import type { ImageStore } from "../images/api.ts";'],
      ['src/api/allowed.ts', 'import { type ImageRecord, type ImageStore } from "../images/api.ts";'],
      ['src/sandbox/vm/allowed.ts', 'import { Shim } from "../shim.ts"; import koffi from "koffi";'],
    ] as const;
    for (const [path, text] of allowed) assert.deepEqual(layerViolations([parseSource(path, text)], LAYERS), []);
  });

  test('the table itself has no cycle', () => {
    const files = Object.entries(LAYERS).map(([name, { imports }]) => ({
      path: name,
      imports: imports.map((target) => ({ target, typeOnly: false })),
      readsEnvironment: false,
    }));
    assert.deepEqual(cycles(files), []);
  });
});

describe('cycles', () => {
  test('src/ has none', () => {
    assert.deepEqual(cycles(sources), []);
  });

  test('a planted cycle is caught, one of types alone is none', () => {
    const planted = (kind: string): string[] =>
      cycles([
        parseSource('src/base/a.ts', 'import { b } from "./b.ts";'),
        parseSource('src/base/b.ts', 'export * from "./c.ts";'),
        parseSource('src/base/c.ts', `${kind} { a } from "./a.ts";`),
      ]);
    assert.deepEqual(planted('import'), ['src/base/a.ts -> src/base/b.ts -> src/base/c.ts -> src/base/a.ts']);
    assert.deepEqual(planted('import type'), []);
  });
});

describe('names', () => {
  test('every file says what it is about', () => {
    assert.deepEqual(nameViolations(everything), []);
  });

  test('planted violations are caught', () => {
    for (const path of ['src/api/index.ts', 'src/utils/text.ts', 'src/api/helpers/x.ts', 'src/base/common.ts']) {
      assert.equal(nameViolations([path]).length, 1, path);
    }
  });
});

describe('tests', () => {
  test('every stage of test/run.sh has some: node --test takes an empty pattern for success', () => {
    for (const pattern of ['src/**/*.test.ts', 'agent/test/*.test.ts', 'test/{integration,conformance}/*.test.ts']) {
      assert.ok(globSync(pattern, { cwd: ROOT }).length > 0, pattern);
    }
  });
});

describe('processes and the environment', () => {
  test('one module starts processes, configuration alone reads the environment', () => {
    assert.deepEqual(spawnViolations(sources), []);
    assert.deepEqual(environmentViolations(sources), []);
  });

  test('planted violations are caught', () => {
    const spawner = parseSource('src/images/planted.ts', 'import { spawn } from "node:child_process";');
    const bare = parseSource('src/images/planted.ts', 'import * as processes from "child_process";');
    const type = parseSource('src/images/planted.ts', 'import type { ChildProcess } from "node:child_process";');
    assert.deepEqual(
      [spawner, bare, type].map((file) => spawnViolations([file]).length),
      [1, 1, 0],
    );
    const reader = parseSource('src/images/planted.ts', "export const home = process.env['HOME'];");
    const importer = parseSource('src/images/planted.ts', 'import { env } from "node:process";');
    const other = parseSource('src/images/planted.ts', 'export const read = ({ process }: Spec): string[] => process.env;');
    assert.deepEqual(
      [reader, importer, other].map((file) => environmentViolations([file]).length),
      [1, 1, 0],
    );
  });
});

describe('documents', () => {
  const isThere = (path: string): boolean => ['', 'src'].some((base) => existsSync(join(ROOT, base, path)));

  for (const name of ['README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md']) {
    test(`the paths that ${name} names exist`, () => {
      // build/ is there after set-up only.
      const paths = namedPaths(readFileSync(join(ROOT, name), 'utf8')).filter((path) => !path.startsWith('build/'));
      assert.deepEqual(
        paths.filter((path) => !isThere(path)),
        [],
      );
    });
  }

  test('a planted path is found', () => {
    assert.deepEqual(namedPaths('see `src/none/such.ts`, `planted.sh` and `--flag`, `abode doctor`'), ['src/none/such.ts', 'planted.sh']);
    assert.equal(isThere('src/none/such.ts'), false);
  });
});
