/** The kernel that a container runs on, as its files tell: the host's own, or a guest's, asked through its agent. */
import { readFileIfThere } from '../base/files.ts';

export interface Kernel {
  /** Whose pids and figures these are. */
  readonly place: 'host' | 'guest';
  readonly cgroupVersion: '1' | '2';
  /** The container's group; on version 1 in that controller's hierarchy. */
  cgroup(controller: string): string;
  /** What the files hold, by path; those that cannot be read (any more) are left out. */
  read(paths: readonly string[]): Promise<ReadonlyMap<string, string>>;
  /** Into a file that is there. */
  write(path: string, content: string): Promise<void>;
}

/** What a VM takes of the host beside what the container in it takes of the VM. */
export interface MachineProcesses {
  /** The shared VM's name; undefined: the container's own. */
  readonly sharedAs: string | undefined;
  readonly qemu: number; // pid
  readonly shim: number; // pid
  readonly memory: number; // bytes of the machine's shape
  readonly cpus: number;
}

export async function readHostFiles(paths: readonly string[]): Promise<Map<string, string>> {
  const contents = await Promise.all(paths.map((path) => readFileIfThere(path).catch(() => undefined)));
  return new Map(paths.flatMap((path, index) => (contents[index] === undefined ? [] : [[path, contents[index]] as const])));
}

/** The processes of the group. */
export async function processesOf(kernel: Kernel): Promise<number[]> {
  const controller = kernel.cgroupVersion === '2' ? '' : 'pids';
  const path = `${kernel.cgroup(controller)}/cgroup.procs`;
  const text = (await kernel.read([path])).get(path) ?? '';
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map(Number);
}
