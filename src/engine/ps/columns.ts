/** The columns of `ps` (ps(1), "STANDARD FORMAT SPECIFIERS"), as procps writes them. */
import type { Machine, ProcessFacts } from './process-facts.ts';

export interface Names {
  user(id: number): string;
  group(id: number): string;
}

export interface Column {
  readonly title: string;
  readonly show: (process: ProcessFacts, machine: Machine, names: Names) => string;
}

const column = (title: string, show: Column['show']): Column => ({ title, show });

const command = ({ arguments: words, comm, state }: ProcessFacts): string =>
  words === '' ? `[${comm}]${state === 'Z' ? ' <defunct>' : ''}` : words;
const elapsed = (process: ProcessFacts, machine: Machine): number => Math.max(0, machine.now - process.startedAt);
const share = (process: ProcessFacts, machine: Machine): number => (process.cpuSeconds / Math.max(elapsed(process, machine), 0.01)) * 100;

const pid = column('PID', (process) => String(process.pid));
const comm = (title: string): Column => column(title, (process) => process.comm);
const args = (title: string): Column => column(title, command);
const user = (title: string): Column => column(title, (process, _machine, names) => names.user(process.users.effective));
const group = (title: string): Column => column(title, (process, _machine, names) => names.group(process.groups.effective));
const terminal = (title: string): Column => column(title, (process) => terminalName(process.terminal));
const state = column('S', (process) => process.state);
const nice = column('NI', (process) => String(process.nice));
const flags = column('F', (process) => ((process.flags >> 6) & 7).toString(8));
const resident = (title: string): Column => column(title, (process) => String(Math.floor(process.residentBytes / 1024)));
const virtual = column('VSZ', (process) => String(Math.floor(process.virtualBytes / 1024)));
const cpu = column('%CPU', (process, machine) => share(process, machine).toFixed(1));
const memory = column('%MEM', (process, machine) => ((process.residentBytes / Math.max(machine.memoryBytes, 1)) * 100).toFixed(1));
const time = column('TIME', (process) => clock(process.cpuSeconds));
const seconds = (title: string, value: (process: ProcessFacts, machine: Machine) => number): Column =>
  column(title, (process, machine) => String(Math.floor(value(process, machine))));
const started = (title: string): Column => column(title, (process, machine) => startTime(process.startedAt, machine.now));
const threads = column('NLWP', (process) => String(process.threads));
const session = (title: string): Column => column(title, (process) => String(process.session));

/** By the words that -o knows; those of the fixed formats that it has no word for begin with a dash. */
export const COLUMNS: ReadonlyMap<string, Column> = new Map([
  ['pid', pid],
  ['ppid', column('PPID', (process) => String(process.parent))],
  ['pgid', column('PGID', (process) => String(process.group))],
  ['pgrp', column('PGRP', (process) => String(process.group))],
  ['sid', session('SID')],
  ['sess', session('SESS')],
  ['session', session('SESS')],
  ['tpgid', column('TPGID', (process) => String(process.foreground))],
  ['uid', column('UID', (process) => String(process.users.effective))],
  ['euid', column('EUID', (process) => String(process.users.effective))],
  ['ruid', column('RUID', (process) => String(process.users.real))],
  ['user', user('USER')],
  ['uname', user('USER')],
  ['euser', user('EUSER')],
  ['ruser', column('RUSER', (process, _machine, names) => names.user(process.users.real))],
  ['-user', user('UID')],
  ['gid', column('GID', (process) => String(process.groups.effective))],
  ['egid', column('EGID', (process) => String(process.groups.effective))],
  ['rgid', column('RGID', (process) => String(process.groups.real))],
  ['group', group('GROUP')],
  ['egroup', group('EGROUP')],
  ['rgroup', column('RGROUP', (process, _machine, names) => names.group(process.groups.real))],
  ['c', seconds('C', share)],
  ['%cpu', cpu],
  ['pcpu', cpu],
  ['%mem', memory],
  ['pmem', memory],
  ['vsz', virtual],
  ['vsize', virtual],
  ['rss', resident('RSS')],
  ['rssize', resident('RSS')],
  ['rsz', resident('RSZ')],
  ['sz', column('SZ', (process) => String(Math.floor(process.virtualBytes / 4096)))],
  ['tty', terminal('TT')],
  ['tt', terminal('TT')],
  ['tname', terminal('TTY')],
  ['stat', column('STAT', detailedState)],
  ['s', state],
  ['state', state],
  ['stime', started('STIME')],
  ['start_time', started('START')],
  ['bsdstart', started('START')],
  ['start', started('STARTED')],
  ['lstart', column('STARTED', (process) => longTime(process.startedAt))],
  ['time', time],
  ['cputime', time],
  ['times', seconds('TIME', (process) => process.cpuSeconds)],
  ['cputimes', seconds('TIME', (process) => process.cpuSeconds)],
  ['bsdtime', column('TIME', (process) => minutes(process.cpuSeconds))],
  ['etime', column('ELAPSED', (process, machine) => shortClock(elapsed(process, machine)))],
  ['etimes', seconds('ELAPSED', elapsed)],
  ['comm', comm('COMMAND')],
  ['ucomm', comm('COMMAND')],
  ['ucmd', comm('CMD')],
  ['args', args('COMMAND')],
  ['command', args('COMMAND')],
  ['cmd', args('CMD')],
  ['ni', nice],
  ['nice', nice],
  ['pri', column('PRI', (process) => String(39 - process.priority))],
  ['-pri', column('PRI', (process) => String(60 + process.priority))],
  ['nlwp', threads],
  ['thcount', column('THCNT', threads.show)],
  ['psr', column('PSR', (process) => String(process.processor))],
  ['f', flags],
  ['flag', flags],
  ['flags', flags],
  ['-addr', column('ADDR', () => '-')],
  ['wchan', column('WCHAN', () => '-')],
  ['min_flt', column('MINFL', (process) => String(process.minorFaults))],
  ['maj_flt', column('MAJFL', (process) => String(process.majorFaults))],
]);

/** devices.txt of the kernel: pseudo terminals, consoles, serial lines. */
function terminalName(device: number): string {
  const major = (device >> 8) & 0xfff;
  const minor = (device & 0xff) | ((device >> 12) & 0xfff00);
  if (device === 0) return '?';
  if (major >= 136 && major <= 143) return `pts/${String(minor + (major - 136) * 256)}`;
  if (major === 4) return minor < 64 ? `tty${String(minor)}` : `ttyS${String(minor - 64)}`;
  return major === 5 && minor === 1 ? 'console' : '?';
}

function detailedState(process: ProcessFacts): string {
  const marks = [
    process.nice < 0 ? '<' : process.nice > 0 ? 'N' : '',
    process.session === process.pid ? 's' : '',
    process.threads > 1 ? 'l' : '',
    process.foreground === process.group ? '+' : '',
  ];
  return process.state + marks.join('');
}

const two = (number: number): string => String(Math.floor(number)).padStart(2, '0');

/** [DD-]hh:mm:ss */
function clock(total: number): string {
  const days = Math.floor(total / 86_400);
  const rest = `${two((total % 86_400) / 3600)}:${two((total % 3600) / 60)}:${two(total % 60)}`;
  return days > 0 ? `${two(days)}-${rest}` : rest;
}

/** [[DD-]hh:]mm:ss */
function shortClock(total: number): string {
  return total >= 3600 ? clock(total) : `${two(total / 60)}:${two(total % 60)}`;
}

function minutes(total: number): string {
  return `${String(Math.floor(total / 60))}:${two(total % 60)}`;
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];

/** The time of a start of today, the day of one of this year, else the year. */
function startTime(at: number, now: number): string {
  const start = new Date(at * 1000);
  const today = new Date(now * 1000);
  if (start.getFullYear() !== today.getFullYear()) return String(start.getFullYear());
  if (start.toDateString() !== today.toDateString()) return `${MONTHS[start.getMonth()] ?? ''}${two(start.getDate())}`;
  return `${two(start.getHours())}:${two(start.getMinutes())}`;
}

function longTime(at: number): string {
  const date = new Date(at * 1000);
  const day = String(date.getDate()).padStart(2);
  const hour = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  return `${DAYS[date.getDay()] ?? ''} ${MONTHS[date.getMonth()] ?? ''} ${day} ${hour} ${String(date.getFullYear())}`;
}
