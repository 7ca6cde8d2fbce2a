/** `--change` of `docker import` and `docker commit`: one Dockerfile instruction each. */
import { posix } from 'node:path';
import { invalid } from '../base/errors.ts';
import type { ImageConfig } from './api.ts';
import { parseHealthcheck } from './healthcheck.ts';
import { parseExposed } from './exposed-port.ts';
import { expandWord, splitWords } from './words.ts';

interface State {
  config: ImageConfig;
  /** CMD was given among these changes: a later ENTRYPOINT leaves it. */
  cmdSet: boolean;
}

type Instruction = (state: State, rest: string) => ImageConfig;

export function applyChanges(config: ImageConfig, changes: readonly string[]): ImageConfig {
  const state: State = { config, cmdSet: false };
  for (const line of changes.flatMap((change) => joinContinued(change).split('\n'))) {
    const text = line.trim();
    if (text === '' || text.startsWith('#')) continue;
    const [, word = '', rest = ''] = /^(\S+)\s*([^]*)$/.exec(text) ?? [];
    const name = word.toUpperCase();
    const instruction = instructions.get(name);
    if (instruction === undefined) throw invalid(`${word.toLowerCase()} is not a valid change command`);
    if (rest === '' && name !== 'CMD' && name !== 'ENTRYPOINT') {
      throw invalid(
        `${name} requires ${name === 'WORKDIR' || name === 'USER' || name === 'STOPSIGNAL' ? 'exactly' : 'at least'} one argument`,
      );
    }
    state.config = instruction(state, rest);
  }
  return state.config;
}

const instructions: ReadonlyMap<string, Instruction> = new Map<string, Instruction>([
  [
    'CMD',
    (state, rest) => {
      state.cmdSet = true;
      return { ...state.config, Cmd: parseCommand(rest) };
    },
  ],
  [
    'ENTRYPOINT',
    ({ config, cmdSet }, rest) => {
      const { Cmd, ...others } = config;
      // A new entrypoint makes an inherited command meaningless.
      return {
        ...others,
        ...(cmdSet && Cmd !== undefined && { Cmd }),
        Entrypoint: parseCommand(rest),
      };
    },
  ],
  [
    'ENV',
    ({ config }, rest) => ({
      ...config,
      Env: mergeEnv(config.Env ?? [], parsePairs('ENV', rest, config)),
    }),
  ],
  [
    'LABEL',
    ({ config }, rest) => ({
      ...config,
      Labels: { ...config.Labels, ...Object.fromEntries(parsePairs('LABEL', rest, config)) },
    }),
  ],
  [
    'EXPOSE',
    ({ config }, rest) => ({
      ...config,
      ExposedPorts: {
        ...config.ExposedPorts,
        ...asSet(expandAll(splitWords(rest), config).flatMap(parseExposed)),
      },
    }),
  ],
  ['USER', ({ config }, rest) => ({ ...config, User: expand(rest, config) })],
  [
    'VOLUME',
    ({ config }, rest) => ({
      ...config,
      Volumes: { ...config.Volumes, ...asSet(parseVolumes(rest, config)) },
    }),
  ],
  [
    'WORKDIR',
    ({ config }, rest) => ({
      ...config,
      WorkingDir: posix.resolve('/', config.WorkingDir ?? '', expand(rest, config)),
    }),
  ],
  ['STOPSIGNAL', ({ config }, rest) => ({ ...config, StopSignal: checkSignal(expand(rest, config)) })],
  ['HEALTHCHECK', ({ config }, rest) => ({ ...config, Healthcheck: parseHealthcheck(rest, parseJsonList) })],
  ['ONBUILD', ({ config }, rest) => ({ ...config, OnBuild: [...(config.OnBuild ?? []), checkTrigger(rest)] })],
]);

/** A backslash at the end of a line continues it. */
function joinContinued(text: string): string {
  return text.replace(/\\[ \t]*\r?\n/g, '');
}

function parseCommand(rest: string): string[] {
  return parseJsonList(rest) ?? ['/bin/sh', '-c', ...(rest === '' ? [] : [rest])];
}

/** The JSON form, or undefined where it is the shell form: what is not JSON is meant for a shell. */
function parseJsonList(text: string): string[] | undefined {
  if (!text.startsWith('[')) return undefined;
  let list: unknown;
  try {
    list = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!Array.isArray(list)) return undefined;
  if (!list.every((entry) => typeof entry === 'string'))
    throw invalid('when using JSON array syntax, arrays must be comprised of strings only');
  return list;
}

/** `A=1 B="2 3"`, or the old form `A rest of the line`. */
function parsePairs(instruction: string, rest: string, config: ImageConfig): [string, string][] {
  const words = splitWords(rest);
  const [first = ''] = words;
  if (!first.includes('=')) {
    const [, name = '', value] = /^(\S+)\s+([^]*)$/.exec(rest) ?? [];
    if (value === undefined) throw invalid(`${instruction} must have two arguments`);
    return [checkName(instruction, expand(name, config), expand(value, config))];
  }
  return words.map((word) => {
    const at = word.indexOf('=');
    if (at < 0) throw invalid(`Syntax error - can't find = in ${JSON.stringify(word)}. Must be of the form: name=value`);
    return checkName(instruction, expand(word.slice(0, at), config), expand(word.slice(at + 1), config));
  });
}

function checkName(instruction: string, name: string, value: string): [string, string] {
  if (name === '') throw invalid(`${instruction} names can not be blank`);
  return [name, value];
}

function mergeEnv(env: readonly string[], pairs: readonly [string, string][]): string[] {
  const merged = [...env];
  for (const [name, value] of pairs) {
    const at = merged.findIndex((entry) => entry.startsWith(`${name}=`));
    merged.splice(at < 0 ? merged.length : at, at < 0 ? 0 : 1, `${name}=${value}`);
  }
  return merged;
}

function parseVolumes(rest: string, config: ImageConfig): string[] {
  const volumes = expandAll(parseJsonList(rest) ?? splitWords(rest), config).map((volume) => volume.trim());
  if (volumes.includes('')) throw invalid('VOLUME specified can not be an empty string');
  return volumes;
}

function checkSignal(signal: string): string {
  const number = Number(signal);
  const known = Number.isInteger(number) ? number >= 1 && number <= 64 : /^(SIG)?[A-Z][A-Z0-9]*([+-]\d+)?$/i.test(signal);
  if (!known) throw invalid(`Invalid signal: ${signal}`);
  return signal;
}

function checkTrigger(rest: string): string {
  const name = (/^\S+/.exec(rest)?.[0] ?? '').toUpperCase();
  if (name === 'ONBUILD') throw invalid("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed");
  if (name === 'MAINTAINER' || name === 'FROM') throw invalid(`${name} isn't allowed as an ONBUILD trigger`);
  return rest;
}

/** Variables are those that the image has at this point. */
function expand(word: string, config: ImageConfig): string {
  const variables = new Map(
    (config.Env ?? []).map((entry): [string, string] => [entry.replace(/=[^]*/, ''), entry.replace(/^[^=]*=?/, '')]),
  );
  return expandWord(word, variables);
}

function expandAll(words: readonly string[], config: ImageConfig): string[] {
  return words.map((word) => expand(word, config));
}

function asSet(names: readonly string[]): Record<string, object> {
  return Object.fromEntries(names.map((name) => [name, {}]));
}
