/** What the kernel tells of a process in /proc (proc(5)), as `ps` shows it. */
export interface ProcessFacts {
  readonly pid: number;
  readonly comm: string;
  readonly arguments: string; // joined by spaces; "" for a kernel thread or a zombie
  readonly state: string;
  readonly parent: number;
  readonly group: number;
  readonly session: number;
  readonly terminal: number; // device number
  readonly foreground: number; // process group of the terminal
  readonly flags: number;
  readonly minorFaults: number;
  readonly majorFaults: number;
  readonly cpuSeconds: number;
  readonly priority: number;
  readonly nice: number;
  readonly threads: number;
  readonly startedAt: number; // seconds since 1970
  readonly virtualBytes: number;
  readonly residentBytes: number;
  readonly processor: number;
  readonly users: { readonly real: number; readonly effective: number };
  readonly groups: { readonly real: number; readonly effective: number };
}

/** Of the machine: what turns ticks into times and bytes into shares. */
export interface Machine {
  readonly bootedAt: number; // seconds since 1970
  readonly memoryBytes: number;
  readonly now: number; // seconds since 1970, by its clock
}

const PAGE = 4096;
/** USER_HZ. */
const TICKS = 100;

export const MACHINE_FILES: readonly string[] = ['/proc/stat', '/proc/meminfo', '/proc/uptime'];

export function parseMachine(files: ReadonlyMap<string, string>): Machine {
  const bootedAt = Number(/^btime (\d+)$/m.exec(files.get('/proc/stat') ?? '')?.[1] ?? 0);
  const uptime = Number.parseFloat(files.get('/proc/uptime') ?? '0');
  const kilobytes = Number(/^MemTotal:\s*(\d+) kB$/m.exec(files.get('/proc/meminfo') ?? '')?.[1] ?? 0);
  return { bootedAt, memoryBytes: kilobytes * 1024, now: bootedAt + uptime };
}

export function processFiles(pid: number): string[] {
  return ['stat', 'status', 'cmdline'].map((name) => `/proc/${String(pid)}/${name}`);
}

/** Undefined when the process ended before it was looked at. */
export function parseProcess(pid: number, files: ReadonlyMap<string, string>, machine: Machine): ProcessFacts | undefined {
  const [stat, status, cmdline] = processFiles(pid).map((path) => files.get(path));
  // The name is in parentheses and may itself hold some.
  const open = stat?.indexOf('(') ?? -1;
  const close = stat?.lastIndexOf(')') ?? -1;
  if (stat === undefined || status === undefined || open < 0 || close < open) return undefined;
  const fields = stat.slice(close + 2).split(' ');
  const field = (number: number): number => Number(fields[number - 3] ?? 0); // by proc(5)'s numbers
  const ids = (name: string): { real: number; effective: number } => {
    const match = new RegExp(`^${name}:\\t(\\d+)\\t(\\d+)`, 'm').exec(status);
    return { real: Number(match?.[1] ?? 0), effective: Number(match?.[2] ?? 0) };
  };
  return {
    pid,
    comm: stat.slice(open + 1, close),
    arguments: (cmdline ?? '').replace(/\0+$/, '').replaceAll('\0', ' '),
    state: fields[0] ?? '?',
    parent: field(4),
    group: field(5),
    session: field(6),
    terminal: field(7),
    foreground: field(8),
    flags: field(9),
    minorFaults: field(10),
    majorFaults: field(12),
    cpuSeconds: (field(14) + field(15)) / TICKS,
    priority: field(18),
    nice: field(19),
    threads: field(20),
    startedAt: machine.bootedAt + field(22) / TICKS,
    virtualBytes: field(23),
    // stat(5)'s own figure lags behind.
    residentBytes: Number(/^VmRSS:\s*(\d+) kB$/m.exec(status)?.[1] ?? (field(24) * PAGE) / 1024) * 1024,
    processor: field(39),
    users: ids('Uid'),
    groups: ids('Gid'),
  };
}
