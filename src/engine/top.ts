/** `docker top`: on the host by its `ps`, as Docker does it; in a guest from what its kernel tells. */
import { readFile } from 'node:fs/promises';
import { AbodeError, invalid } from '../base/errors.ts';
import { ProcessError, run } from '../base/process.ts';
import { type Kernel, processesOf } from '../sandbox/kernel.ts';
import type { ProcessList } from './api.ts';
import { parsePsArguments } from './ps/arguments.ts';
import type { Names } from './ps/columns.ts';
import { MACHINE_FILES, parseMachine, parseProcess, processFiles } from './ps/process-facts.ts';

const PS_MS = 30_000;

export async function listProcesses(kernel: Kernel, psArguments: string): Promise<ProcessList> {
  const text = psArguments === '' ? '-ef' : psArguments;
  if (text.includes('\0')) throw invalid('ps_args has a NUL byte');
  checkPidTitle(text);
  const pids = await processesOf(kernel);
  return kernel.place === 'host' ? byHostPs(pids, text) : byGuestKernel(kernel, pids, text);
}

/** Docker's check: a title that only looks like the pid's column would choose other processes. */
function checkPidTitle(text: string): void {
  for (const [, key = '', value = ''] of text.matchAll(/\s+(\S*)=\s*(PID\S*)/g))
    if (key !== 'pid') throw invalid(`specifying "${key}=${value}" is not allowed`);
}

async function byHostPs(pids: readonly number[], text: string): Promise<ProcessList> {
  const words = text.split(' ').filter((word) => word !== '');
  const settings = { timeoutMs: PS_MS, maxOutput: 64 << 20 };
  const { stdout } = await run('ps', [...words, '-q', pids.join(',')], settings)
    // Some options cannot be used with -q.
    .catch(() => run('ps', words, settings))
    .catch((error: unknown) => {
      if (!(error instanceof ProcessError)) throw error;
      if (error.exitCode === null) throw new AbodeError('unavailable', `ps: ${error.message}`, { cause: error });
      throw invalid(error.stderr.split('\n')[0] ?? error.message);
    });
  return parsePsOutput(stdout, new Set(pids));
}

/** The lines of these processes, and those without a pid that follow them (threads). */
export function parsePsOutput(output: string, pids: ReadonlySet<number>): ProcessList {
  const [head = '', ...lines] = output.split('\n').filter((line) => line !== '');
  const titles = splitFields(head);
  const column = titles.indexOf('PID');
  if (column < 0) throw invalid("Couldn't find PID field in ps output");
  const processes: string[][] = [];
  let wanted = false;
  for (const line of lines) {
    const fields = splitFields(line);
    const pid = fields[column] ?? '';
    if (pid !== '-') {
      if (!/^\d+$/.test(pid)) throw invalid(`Unexpected pid '${pid}'`);
      wanted = pids.has(Number(pid));
    }
    if (wanted) processes.push([...fields.slice(0, titles.length - 1), fields.slice(titles.length - 1).join(' ')]);
  }
  return { titles, processes };
}

function splitFields(line: string): string[] {
  return line.split(/[ \t\v\f\r]+/).filter((field) => field !== '');
}

async function byGuestKernel(kernel: Kernel, pids: readonly number[], text: string): Promise<ProcessList> {
  const columns = parsePsArguments(text);
  if (!columns.some(({ title }) => title === 'PID')) throw invalid("Couldn't find PID field in ps output");
  const [files, names] = await Promise.all([kernel.read([...MACHINE_FILES, ...pids.flatMap(processFiles)]), readNames()]);
  const machine = parseMachine(files);
  const facts = pids.toSorted((a, b) => a - b).flatMap((pid) => parseProcess(pid, files, machine) ?? []);
  return {
    titles: columns.map(({ title }) => title),
    processes: facts.map((process) => columns.map(({ show }) => show(process, machine, names))),
  };
}

/** The host's names, which `docker top` shows of containers too. */
async function readNames(): Promise<Names> {
  const [users, groups] = await Promise.all(['/etc/passwd', '/etc/group'].map((path) => readFile(path, 'utf8').catch(() => '')));
  const table = (text = ''): Map<string, string> =>
    new Map(
      text.split('\n').map((line) => {
        const [name = '', , id = ''] = line.split(':');
        return [id, name];
      }),
    );
  const byUser = table(users);
  const byGroup = table(groups);
  return { user: (id) => byUser.get(String(id)) ?? String(id), group: (id) => byGroup.get(String(id)) ?? String(id) };
}
