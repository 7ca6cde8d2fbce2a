/** The rules of the house as pure functions: sources in, sentences about what breaks the rule out. */
import { basename, dirname } from 'node:path';
import type { Layer } from './layers.ts';
import { COMPUTED, type SourceFile } from './source-file.ts';

const isTest = (path: string): boolean => path.endsWith('.test.ts');

/** src/LAYER/…: what is in src/ itself belongs to no layer. */
const layerOf = (path: string): string | undefined => /^src\/([^/]+)\//.exec(path)?.[1];

export function layerViolations(sources: readonly SourceFile[], layers: Readonly<Record<string, Layer>>): string[] {
  return sources.flatMap(({ path, imports }) => {
    const from = layerOf(path);
    const layer = from === undefined ? undefined : layers[from];
    if (from === undefined || layer === undefined) return [`${path} is in no layer that the table names`];
    return imports.flatMap(({ target, typeOnly }) => {
      if (target === COMPUTED) return [`${path} imports what no rule can see: a name made at run time`];
      const isOwn = target.startsWith('src/') || target.startsWith('test/') || target.startsWith('bench/');
      const to = layerOf(target);
      if (!isOwn || to === from) return [];
      if (to !== undefined && layer.imports.includes(to)) return [];
      if (to !== undefined && typeOnly && layer.types?.includes(to) === true) return [];
      return [
        `${path} imports ${target}: ${from} may not import ${to ?? 'it'}${layer.types?.includes(to ?? '') === true ? ' but for its types' : ''}`,
      ];
    });
  });
}

/** Each cycle once, as its path; a type alone makes no cycle, since nothing of it is left when the program runs. */
export function cycles(sources: readonly SourceFile[]): string[] {
  const graph = new Map(
    sources.map(({ path, imports }) => [path, imports.filter(({ typeOnly }) => !typeOnly).map(({ target }) => target)]),
  );
  const found: string[] = [];
  const done = new Set<string>();
  const visit = (path: string, trail: readonly string[]): void => {
    const start = trail.indexOf(path);
    if (start >= 0) {
      found.push([...trail.slice(start), path].join(' -> '));
      return;
    }
    if (done.has(path)) return;
    for (const target of graph.get(path) ?? []) visit(target, [...trail, path]);
    done.add(path);
  };
  for (const path of graph.keys()) visit(path, []);
  return found;
}

const VAGUE = new Set(['utils', 'util', 'shared', 'common', 'lib', 'helpers', 'misc']);

export function nameViolations(paths: readonly string[]): string[] {
  return paths.flatMap((path) => {
    const name = basename(path).replace(/(?:\.test)?\.ts$/, '');
    if (name === 'index') return [`${path}: a file that only re-exports hides where things are`];
    const vague = [...dirname(path).split('/'), name].find((part) => VAGUE.has(part));
    return vague === undefined ? [] : [`${path}: "${vague}" says nothing about its subject`];
  });
}

const SPAWNER = 'src/base/process.ts';

/** Tests may start processes of their own. */
export function spawnViolations(sources: readonly SourceFile[]): string[] {
  return sources
    .filter(({ path }) => path !== SPAWNER && path.startsWith('src/') && !isTest(path))
    .filter(({ imports }) => imports.some(({ target, typeOnly }) => /^(?:node:)?child_process$/.test(target) && !typeOnly))
    .map(({ path }) => `${path} starts processes; only ${SPAWNER} does`);
}

export function environmentViolations(sources: readonly SourceFile[]): string[] {
  return sources
    .filter(({ path }) => path.startsWith('src/') && path !== SPAWNER && layerOf(path) !== 'config' && !isTest(path))
    .filter(({ readsEnvironment, imports }) => readsEnvironment || imports.some(({ target }) => target === 'node:process'))
    .map(({ path }) => `${path} reads the environment; configuration is handed in`);
}

/** The paths that a document names: in backticks, with a slash or a known ending, relative to the repository or to src/. */
export function namedPaths(markdown: string): string[] {
  const words = [...markdown.matchAll(/`([A-Za-z0-9.][\w.@-]*(?:\/[\w.@-]+)*\/?)`/g)].map(([, word = '']) => word);
  return [...new Set(words.filter((word) => word.includes('/') || /\w\.(?:ts|md|sh|c|h|json|txt)$/.test(word)))];
}
