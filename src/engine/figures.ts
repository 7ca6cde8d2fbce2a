/** What a container uses, from the files of its cgroup (version 1 or 2) and of its network; `docker stats` and the metrics tell it. */
import { availableParallelism } from 'node:os';
import { type Kernel, type MachineProcesses, processesOf, readHostFiles } from '../sandbox/kernel.ts';
import { privateMemory } from '../sandbox/process-memory.ts';
import type { Figures, MachineCost } from './api.ts';

const TICK_NS = 10_000_000; // USER_HZ is 100
/** Of /proc/net/dev, after the name. */
const NETWORK_FIELDS = {
  rxBytes: 0,
  rxPackets: 1,
  rxErrors: 2,
  rxDropped: 3,
  txBytes: 8,
  txPackets: 9,
  txErrors: 10,
  txDropped: 11,
} as const;

/** Undefined when the container's group is not there any more. */
export async function readFigures(kernel: Kernel): Promise<Figures | undefined> {
  const [first] = await processesOf(kernel);
  const network = `/proc/${String(first ?? 'self')}/net/dev`;
  const wanted = kernel.cgroupVersion === '2' ? version2(kernel) : version1(kernel);
  const disks = ['/sys/block/vda/stat', '/sys/block/vdb/stat', '/sys/block/vda/dev', '/sys/block/vdb/dev'];
  const [files, host] = await Promise.all([
    kernel.read([...Object.values(wanted), network, '/proc/meminfo', ...(kernel.place === 'guest' ? disks : [])]),
    readHostFiles(['/proc/stat']),
  ]);
  const read = (name: string): string => files.get(wanted[name] ?? '') ?? '';
  if (read('memory') === '') return undefined;
  const machineMemory = Number(/^MemTotal:\s*(\d+) kB$/m.exec(files.get('/proc/meminfo') ?? '')?.[1] ?? 0) * 1024;
  const parsed = kernel.cgroupVersion === '2' ? parseVersion2(read) : parseVersion1(read);
  return {
    ...parsed,
    memory: { ...parsed.memory, limit: limitOf(read('memoryLimit'), machineMemory) },
    blkio: parsed.blkio.length > 0 || kernel.place === 'host' ? parsed.blkio : ownDisks(files),
    networks: first === undefined ? {} : parseNetworks(files.get(network) ?? ''),
    systemCpu: parseSystemCpu(host.get('/proc/stat') ?? ''),
    onlineCpus: availableParallelism(),
  };
}

/** What QEMU and the shim of a VM take of the host. */
export async function readMachineCost(processes: MachineProcesses): Promise<MachineCost> {
  const directory = `/proc/${String(processes.qemu)}`;
  const [files, qemu, shim] = await Promise.all([
    readHostFiles([`${directory}/stat`, `${directory}/io`]),
    privateMemory(processes.qemu),
    privateMemory(processes.shim),
  ]);
  const stat = files.get(`${directory}/stat`) ?? '';
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const io = keyed(files.get(`${directory}/io`) ?? '', ': ');
  return {
    name: processes.sharedAs,
    cpu: { user: Number(fields[11] ?? 0) * TICK_NS, kernel: Number(fields[12] ?? 0) * TICK_NS },
    memory: { qemu, shim, machine: processes.memory },
    cpus: processes.cpus,
    blkio: { read: io['read_bytes'] ?? 0, write: io['write_bytes'] ?? 0 },
  };
}

type Parsed = Omit<Figures, 'networks' | 'systemCpu' | 'onlineCpus' | 'memory'> & { readonly memory: Omit<Figures['memory'], 'limit'> };

function version2(kernel: Kernel): Record<string, string> {
  const group = kernel.cgroup('');
  return {
    memory: `${group}/memory.current`,
    memoryLimit: `${group}/memory.max`,
    memoryStat: `${group}/memory.stat`,
    memoryEvents: `${group}/memory.events`,
    cpu: `${group}/cpu.stat`,
    io: `${group}/io.stat`,
    pids: `${group}/pids.current`,
    pidsLimit: `${group}/pids.max`,
  };
}

function parseVersion2(read: (name: string) => string): Parsed {
  const cpu = keyed(read('cpu'));
  return {
    version: '2',
    cpu: {
      total: (cpu['usage_usec'] ?? 0) * 1000,
      user: (cpu['user_usec'] ?? 0) * 1000,
      kernel: (cpu['system_usec'] ?? 0) * 1000,
      perCpu: [],
      periods: cpu['nr_periods'] ?? 0,
      throttledPeriods: cpu['nr_throttled'] ?? 0,
      throttledTime: (cpu['throttled_usec'] ?? 0) * 1000,
    },
    memory: {
      usage: Number(read('memory')),
      max: undefined,
      failures: keyed(read('memoryEvents'))['max'],
      stats: keyed(read('memoryStat')),
    },
    pids: { current: Number(read('pids')), limit: finite(read('pidsLimit')) },
    blkio: parseIoStat(read('io')),
    blkioOperations: [],
  };
}

function version1(kernel: Kernel): Record<string, string> {
  const at = (controller: string, file: string): string => `${kernel.cgroup(controller)}/${file}`;
  return {
    memory: at('memory', 'memory.usage_in_bytes'),
    memoryMax: at('memory', 'memory.max_usage_in_bytes'),
    memoryLimit: at('memory', 'memory.limit_in_bytes'),
    memoryStat: at('memory', 'memory.stat'),
    memoryFailures: at('memory', 'memory.failcnt'),
    cpu: at('cpuacct', 'cpuacct.usage'),
    cpuStat: at('cpuacct', 'cpuacct.stat'),
    cpuEach: at('cpuacct', 'cpuacct.usage_percpu'),
    throttling: at('cpu', 'cpu.stat'),
    blkio: at('blkio', 'blkio.throttle.io_service_bytes_recursive'),
    blkioOperations: at('blkio', 'blkio.throttle.io_serviced_recursive'),
    pids: at('pids', 'pids.current'),
    pidsLimit: at('pids', 'pids.max'),
  };
}

function parseVersion1(read: (name: string) => string): Parsed {
  const times = keyed(read('cpuStat'));
  const throttling = keyed(read('throttling'));
  return {
    version: '1',
    cpu: {
      total: Number(read('cpu')),
      user: (times['user'] ?? 0) * TICK_NS,
      kernel: (times['system'] ?? 0) * TICK_NS,
      perCpu: read('cpuEach').trim().split(' ').filter(Boolean).map(Number).slice(0, availableParallelism()),
      periods: throttling['nr_periods'] ?? 0,
      throttledPeriods: throttling['nr_throttled'] ?? 0,
      throttledTime: throttling['throttled_time'] ?? 0,
    },
    memory: {
      usage: Number(read('memory')),
      max: Number(read('memoryMax')),
      failures: Number(read('memoryFailures')),
      stats: keyed(read('memoryStat')),
    },
    pids: { current: Number(read('pids')), limit: finite(read('pidsLimit')) },
    blkio: parseBlkio(read('blkio')),
    blkioOperations: parseBlkio(read('blkioOperations')),
  };
}

/** Lines of a word and a number. */
function keyed(text: string, separator = ' '): Record<string, number> {
  const pairs = text
    .split('\n')
    .map((line) => line.split(separator))
    .filter(([key, value]) => key !== undefined && key !== '' && value !== undefined && /^\d+$/.test(value));
  return Object.fromEntries(pairs.map(([key, value]) => [key ?? '', Number(value)]));
}

function finite(text: string): number | undefined {
  const number = Number(text);
  return text.trim() === '' || !Number.isFinite(number) ? undefined : number;
}

/** No limit is told as what the machine has. */
function limitOf(text: string, machine: number): number {
  const limit = finite(text);
  return limit === undefined || limit > machine ? machine : limit;
}

/** `8:0 rbytes=1 wbytes=2 rios=3 …` */
function parseIoStat(text: string): Figures['blkio'] {
  return text.split('\n').flatMap((line) => {
    const [device = '', ...values] = line.split(' ');
    const [major, minor] = device.split(':').map(Number);
    if (major === undefined || minor === undefined || Number.isNaN(major)) return [];
    const value = (key: string): number => Number(values.find((entry) => entry.startsWith(`${key}=`))?.slice(key.length + 1) ?? 0);
    return [
      { major, minor, op: 'read', value: value('rbytes') },
      { major, minor, op: 'write', value: value('wbytes') },
    ];
  });
}

/** `8:0 Read 123` */
function parseBlkio(text: string): Figures['blkio'] {
  return [...text.matchAll(/^(\d+):(\d+) (\w+) (\d+)$/gm)].map(([, major, minor, op = '', value]) => ({
    major: Number(major),
    minor: Number(minor),
    op,
    value: Number(value),
  }));
}

/** In a VM of its own a container is the only one to use the disks; the guest's groups do not count for themselves. */
function ownDisks(files: ReadonlyMap<string, string>): Figures['blkio'] {
  return ['vda', 'vdb'].flatMap((name) => {
    const [major, minor] = (files.get(`/sys/block/${name}/dev`) ?? '').trim().split(':').map(Number);
    const stat = (files.get(`/sys/block/${name}/stat`) ?? '').trim().split(/ +/).map(Number);
    if (major === undefined || minor === undefined || stat.length < 7) return [];
    const SECTOR = 512;
    return [
      { major, minor, op: 'read', value: (stat[2] ?? 0) * SECTOR },
      { major, minor, op: 'write', value: (stat[6] ?? 0) * SECTOR },
    ];
  });
}

function parseNetworks(text: string): Figures['networks'] {
  const networks: Record<string, Figures['networks'][string]> = {};
  for (const [, name = '', values = ''] of text.matchAll(/^\s*(\S+):\s*(\d[\d\s]*)$/gm)) {
    if (name === 'lo') continue;
    const numbers = values.trim().split(/\s+/).map(Number);
    const entries = Object.entries(NETWORK_FIELDS).map(([key, index]) => [key, numbers[index] ?? 0]);
    networks[name] = Object.fromEntries(entries) as Figures['networks'][string]; // its keys are NETWORK_FIELDS'
  }
  return networks;
}

/** Nanoseconds that all processors together have spent, idle time too: what a share is of. */
function parseSystemCpu(text: string): number {
  const line = /^cpu +(.*)$/m.exec(text)?.[1] ?? '';
  return (
    line
      .split(' ')
      .slice(0, 7)
      .reduce((sum, ticks) => sum + Number(ticks), 0) * TICK_NS
  );
}
