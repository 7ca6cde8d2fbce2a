/** Abode's own version, and those of what it runs. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Component } from '../api/context.ts';
import { run } from '../base/process.ts';

const manifest = JSON.parse(readFileSync(join(import.meta.dirname, '..', '..', 'package.json'), 'utf8')) as { version: string };

export const VERSION: string = manifest.version;

/** For `docker version`; a program that is missing is left out. */
export async function components(): Promise<Component[]> {
  const found = await Promise.all([
    version('crun', 'crun', ['--version'], /crun version (\S+)/),
    version('QEMU', 'qemu-system-x86_64', ['--version'], /version (\S+)/),
  ]);
  return found.filter((component) => component !== undefined);
}

async function version(name: string, command: string, args: string[], pattern: RegExp): Promise<Component | undefined> {
  try {
    const { stdout } = await run(command, args, { timeoutMs: 10_000 });
    return { name, version: pattern.exec(stdout)?.[1] ?? 'unknown' };
  } catch {
    return undefined;
  }
}
