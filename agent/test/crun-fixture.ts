/** Containers of busybox, run by the real crun below a real shim. */
import { randomBytes } from 'node:crypto';
import { accessSync } from 'node:fs';
import { copyFile, mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { AgentConnection } from '../../src/agent-client/connection.ts';
import { FieldsBuilder, Tag } from '../../src/agent-client/fields.ts';
import { FrameType } from '../../src/agent-client/frame.ts';
import { cgroupDirectories, removeCgroup } from '../../src/sandbox/cgroup.ts';
import { ShimFixture, type StartOptions, TERMINAL } from './shim-fixture.ts';

const BUSYBOX = '/bin/busybox';
const CRUN = '/usr/bin/crun';
const APPLETS = [
  'cat',
  'grep',
  'head',
  'hostname',
  'id',
  'kill',
  'ls',
  'mount',
  'pwd',
  'readlink',
  'seq',
  'sh',
  'sleep',
  'stat',
  'stty',
  'tail',
  'touch',
  'tr',
  'true',
  'wc',
  'yes',
];

/** Why these tests cannot run here; false when they can. */
export function missing(): string | false {
  if (process.getuid?.() !== 0) return 'needs root';
  for (const path of [BUSYBOX, CRUN]) {
    try {
      accessSync(path);
    } catch {
      return `needs ${path}`;
    }
  }
  return false;
}

/** The least root filesystem that a container can have. */
export async function writeBusyboxRoot(root: string): Promise<void> {
  for (const name of ['bin', 'dev', 'etc', 'proc', 'sys', 'tmp']) await mkdir(join(root, name), { recursive: true });
  await copyFile(BUSYBOX, join(root, 'bin/busybox'));
  await Promise.all(APPLETS.map((applet) => symlink('busybox', join(root, 'bin', applet))));
}

interface ContainerOptions extends StartOptions {
  readonly memory?: number;
  readonly rows?: number;
  readonly columns?: number;
}

export class CrunFixture implements AsyncDisposable {
  readonly shim: ShimFixture;
  readonly id: string = `abode-test-${randomBytes(6).toString('hex')}`;

  private constructor(shim: ShimFixture) {
    this.shim = shim;
  }

  static async start(): Promise<CrunFixture> {
    const fixture = new CrunFixture(await ShimFixture.start());
    await writeBusyboxRoot(fixture.shim.path('rootfs'));
    return fixture;
  }

  /** Starts the container's init as process 1. */
  async run(args: readonly string[], options: ContainerOptions = {}): Promise<number> {
    await writeFile(this.shim.path('config.json'), JSON.stringify(this.#config(args, options)));
    return this.#launch(1, this.#crun('run', 1, options, ['--bundle', this.shim.directory, this.id]), {
      ...options,
      cleanup: this.#arguments('delete', ['--force', this.id]),
    });
  }

  async exec(proc: number, args: readonly string[], options: ContainerOptions = {}): Promise<number> {
    const file = this.shim.path(`${String(proc)}.json`);
    await writeFile(file, JSON.stringify(processOf(args, options)));
    return this.#launch(proc, this.#crun('exec', proc, options, ['--process', file, this.id]), {
      ...options,
      join: 1,
    });
  }

  async resize(proc: number, rows: number, columns: number, connection: AgentConnection = this.shim.control): Promise<void> {
    await connection.request(FrameType.RESIZE, new FieldsBuilder().add(Tag.ROWS, rows).add(Tag.COLS, columns), proc);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.shim[Symbol.asyncDispose]();
    await removeCgroup(this.id);
  }

  async #launch(proc: number, args: readonly string[], options: ContainerOptions): Promise<number> {
    const fields = this.shim
      .startFields(proc, options)
      .addAll(Tag.ARG, args)
      .addAll(Tag.CGROUP, await cgroupDirectories(this.id))
      .add(Tag.ROWS, options.rows)
      .add(Tag.COLS, options.columns)
      .add(Tag.CONSOLE_SOCKET, isTerminal(options) ? this.shim.path(`${String(proc)}.tty`) : undefined);
    const answer = await this.shim.request(FrameType.START_RUNTIME, fields, proc);
    return answer.number(Tag.PID) ?? 0;
  }

  #arguments(verb: string, args: readonly string[]): string[] {
    return [CRUN, '--root', this.shim.path('crun'), verb, ...args];
  }

  #crun(verb: string, proc: number, options: ContainerOptions, args: readonly string[]): string[] {
    const console = isTerminal(options) ? ['--console-socket', this.shim.path(`${String(proc)}.tty`)] : [];
    return this.#arguments(verb, ['--detach', '--pid-file', this.shim.path(`${String(proc)}.pid`), ...console, ...args]);
  }

  #config(args: readonly string[], options: ContainerOptions): object {
    return {
      ociVersion: '1.0.2',
      process: processOf(args, options),
      root: { path: 'rootfs' },
      hostname: 'abode',
      mounts: [
        { destination: '/proc', type: 'proc', source: 'proc' },
        { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['mode=755'] },
        {
          destination: '/dev/pts',
          type: 'devpts',
          source: 'devpts',
          options: ['newinstance', 'ptmxmode=0666'],
        },
      ],
      linux: {
        namespaces: ['pid', 'mount', 'ipc', 'uts', 'network'].map((type) => ({ type })),
        cgroupsPath: `/${this.id}`,
        ...(options.memory === undefined ? {} : { resources: { memory: { limit: options.memory, swap: options.memory } } }),
      },
    };
  }
}

function processOf(args: readonly string[], options: ContainerOptions): object {
  const { rows: height, columns: width } = options;
  return {
    terminal: isTerminal(options),
    ...(height === undefined ? {} : { consoleSize: { height, width } }),
    user: { uid: 0, gid: 0 },
    args,
    env: ['PATH=/bin', 'TERM=xterm'],
    cwd: '/',
  };
}

function isTerminal(options: ContainerOptions): boolean {
  return ((options.stdio ?? 0) & TERMINAL) !== 0;
}
