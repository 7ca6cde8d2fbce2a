/**
 * Runs one container's whole life in a machine that nobody has yet, and pauses it again. Under emulation a guest's time goes into
 * translating code that it runs for the first time; what was translated stays with its QEMU (docs/decisions/0009).
 */
import { copyFile, mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { FieldsBuilder, Tag } from '../../agent-client/fields.ts';
import { FrameType } from '../../agent-client/frame.ts';
import { MKFS_EROFS_OPTIONS, mkfsErofsEnvironment } from '../../base/erofs.ts';
import { exists } from '../../base/files.ts';
import { run } from '../../base/process.ts';
import { resolveCapabilities } from '../capabilities.ts';
import { MASKED_PATHS, READONLY_PATHS, SHM_BYTES } from '../defaults.ts';
import type { ContainerSpec, ProcessSpec } from '../sandbox.ts';
import { GUEST_IMAGE, GUEST_ROOT } from './guest-paths.ts';
import { initFields, processFields } from './guest-process.ts';
import { padImageDisk } from './image-disk.ts';
import type { Machine } from './machine.ts';
import { prepareContainer } from './prepare.ts';

/** No process of a container ever has this number. */
const PROC = 0xffff_fff0;
/** Documentation addresses (RFC 5737): the card is on no bridge. */
const NETWORK = { address: '192.0.2.2/24', gateway: '192.0.2.1', mac: '024200000002' };
const MNT_DETACH = 2;
/** As many as the engine gives to a container. */
const FILES = ['/etc/hostname', '/etc/hosts', '/etc/resolv.conf'].map((destination) => ({ destination, content: Buffer.from('\n') }));

export interface WarmUp {
  readonly image: string;
  /** The image of the template, which the machine has again in the end. */
  readonly placeholder: string;
  readonly network: boolean;
  readonly exitPath: string;
}

export async function warmUp(machine: Machine, { image, placeholder, network, exitPath }: WarmUp): Promise<void> {
  machine.shim.expectExit(PROC, exitPath);
  await machine.swapImage(0, image);
  await Promise.all([
    machine.identify('abode', '0'.repeat(32)),
    ...(network ? [configureNetwork(machine)] : []),
    machine.request(FrameType.START_PROCESS, startFields(exitPath), PROC),
  ]);
  await machine.shim.exit(PROC);
  await Promise.all([
    machine.request(FrameType.RELEASE, undefined, PROC),
    machine.request(FrameType.UMOUNT, new FieldsBuilder().add(Tag.TARGET, GUEST_ROOT).add(Tag.FLAGS, MNT_DETACH)),
    machine.request(FrameType.UMOUNT, new FieldsBuilder().add(Tag.TARGET, GUEST_IMAGE).add(Tag.FLAGS, 0)),
  ]);
  await machine.swapImage(0, placeholder);
  await Promise.all(prepareContainer(machine));
  await machine.qmp('stop');
}

function configureNetwork(machine: Machine): Promise<unknown> {
  const fields = new FieldsBuilder()
    .add(Tag.IFNAME, 'eth0')
    .add(Tag.MAC, Buffer.from(NETWORK.mac, 'hex'))
    .add(Tag.ADDRESS, NETWORK.address)
    .add(Tag.GATEWAY, NETWORK.gateway)
    .add(Tag.MTU, 1400);
  return machine.request(FrameType.NET_CONFIGURE, fields);
}

function startFields(exitPath: string): FieldsBuilder {
  const init: ProcessSpec = {
    proc: PROC,
    // As PID 1 without a word the agent would take itself for a guest's.
    args: ['/bin/agent', 'init', '--', '/bin/agent', 'version'],
    env: ['PATH=/bin'],
    cwd: '/',
    user: 'root',
    groupAdd: [],
    tty: false,
    openStdin: true,
    stdinOnce: true,
    rows: 0,
    columns: 0,
    log: undefined,
    exitPath,
    privileged: false,
  };
  const spec: ContainerSpec = {
    id: 'warm-up',
    init,
    runDir: '',
    rootDir: '',
    hostname: 'abode',
    domainname: '',
    layers: [],
    disk: () => Promise.reject(new Error('a warm-up has its disk already')),
    files: [],
    network: undefined,
    limits: { memory: 0, memorySwap: 0, microCpus: 0, cpuShares: 0, cpuset: '', pids: 0 },
    rlimits: [],
    security: {
      privileged: false,
      capabilities: resolveCapabilities({ privileged: false, add: [], drop: [] }),
      noNewPrivileges: false,
      seccomp: 'default',
      maskedPaths: MASKED_PATHS,
      readonlyPaths: READONLY_PATHS,
      readonlyRoot: false,
    },
    sysctls: {},
    tmpfs: {},
    mounts: [],
    shmSize: SHM_BYTES,
    runInit: false,
    oomScoreAdj: 0,
  };
  return initFields(processFields(spec, init, GUEST_ROOT), spec, FILES);
}

/** A root filesystem with the agent alone, made once at `path`: a program that ends at once. */
export async function ensureWarmUpImage(path: string, agentPath: string): Promise<void> {
  if (await exists(path)) return;
  const work = await mkdtemp(`${path}.`);
  try {
    const root = join(work, 'root');
    for (const directory of ['bin', 'etc', 'proc', 'sys', 'dev']) await mkdir(join(root, directory), { recursive: true });
    await copyFile(agentPath, join(root, 'bin', 'agent'));
    await writeFile(join(root, 'etc', 'passwd'), 'root:x:0:0:root:/root:/bin/sh\n');
    await writeFile(join(root, 'etc', 'group'), 'root:x:0:\n');
    for (const { destination } of FILES) await writeFile(join(root, destination), '');
    await run('mkfs.erofs', [...MKFS_EROFS_OPTIONS, join(work, 'image'), root], { env: mkfsErofsEnvironment });
    await padImageDisk(join(work, 'image'));
    await rename(join(work, 'image'), path);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}
