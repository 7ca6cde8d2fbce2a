import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseSync, Visitor } from 'oxc-parser';

export interface Import {
  /** A path from the repository's root, or the bare name of a module. */
  readonly target: string;
  readonly typeOnly: boolean;
}

/** The target of an import whose name is made at run time. */
export const COMPUTED = '(computed)';

export interface SourceFile {
  readonly path: string;
  readonly imports: readonly Import[];
  /** Reads `process.env` of the global process. */
  readonly readsEnvironment: boolean;
}

export function readSources(root: string, patterns: readonly string[]): SourceFile[] {
  return globSync(patterns, { cwd: root })
    .sort()
    .map((path) => parseSource(path, readFileSync(join(root, path), 'utf8')));
}

/** `path` is relative to the repository's root. */
export function parseSource(path: string, text: string): SourceFile {
  const { module, program, errors } = parseSync(path, text);
  if (errors.length > 0) throw new Error(`${path}: ${errors[0]?.message ?? 'does not parse'}`);
  const imports: Import[] = module.staticImports.map(({ moduleRequest, entries }) => ({
    target: resolve(path, moduleRequest.value),
    typeOnly: entries.length > 0 && entries.every(({ isType }) => isType),
  }));
  for (const { entries } of module.staticExports) {
    for (const { moduleRequest, isType } of entries) {
      if (moduleRequest !== null) imports.push({ target: resolve(path, moduleRequest.value), typeOnly: isType });
    }
  }
  let readsEnvironment = false;
  let ownProcess = false;
  new Visitor({
    ImportExpression: ({ source }) => {
      // A computed name would slip past every rule, so it is one that no rule allows.
      const name = source.type === 'Literal' && typeof source.value === 'string' ? source.value : COMPUTED;
      imports.push({ target: resolve(path, name), typeOnly: false });
    },
    MemberExpression: ({ object, property }) => {
      if (object.type === 'Identifier' && object.name === 'process' && property.type === 'Identifier' && property.name === 'env') {
        readsEnvironment = true;
      }
    },
    VariableDeclarator: ({ id }) => {
      if (bindsProcess(id)) ownProcess = true;
    },
    FunctionDeclaration: ({ params }) => {
      if (params.some(bindsProcess)) ownProcess = true;
    },
    FunctionExpression: ({ params }) => {
      if (params.some(bindsProcess)) ownProcess = true;
    },
    ArrowFunctionExpression: ({ params }) => {
      if (params.some(bindsProcess)) ownProcess = true;
    },
  }).visit(program);
  return { path, imports, readsEnvironment: readsEnvironment && !ownProcess };
}

/** Whether a parameter or declaration names something of its own `process`, also within a pattern. */
function bindsProcess(pattern: object): boolean {
  const text = JSON.stringify(pattern, (key, value: unknown) => (key === 'init' || key === 'typeAnnotation' ? undefined : value));
  return /"type":"Identifier",(?:"decorators":\[\],)?"name":"process"/.test(text);
}

function resolve(from: string, specifier: string): string {
  return specifier.startsWith('.') ? join(from, '..', specifier) : specifier;
}
