/** The host's `ps` and Abode's own, of the same processes. */
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { test, type TestContext } from 'node:test';
import { promisify } from 'node:util';
import { readHostFiles } from '../../sandbox/kernel.ts';
import { parsePsOutput } from '../top.ts';
import { parsePsArguments } from './arguments.ts';
import { MACHINE_FILES, parseMachine, parseProcess, processFiles } from './process-facts.ts';

const run = promisify(execFile);
const skip = existsSync('/bin/ps') ? false : 'there is no ps to compare with';

async function own(pids: readonly number[], text: string): Promise<{ titles: string[]; processes: string[][] }> {
  const files = await readHostFiles([...MACHINE_FILES, ...pids.flatMap(processFiles)]);
  const machine = parseMachine(files);
  const table = async (path: string): Promise<Map<string, string>> =>
    new Map((await readFile(path, 'utf8')).split('\n').map((line) => [line.split(':')[2] ?? '', line.split(':')[0] ?? '']));
  const [users, groups] = await Promise.all([table('/etc/passwd'), table('/etc/group')]);
  const names = { user: (id: number) => users.get(String(id)) ?? String(id), group: (id: number) => groups.get(String(id)) ?? String(id) };
  const columns = parsePsArguments(text);
  return {
    titles: columns.map(({ title }) => title),
    processes: pids
      .flatMap((pid) => parseProcess(pid, files, machine) ?? [])
      .map((facts) => columns.map(({ show }) => show(facts, machine, names))),
  };
}

/** Processes that stand still, so that two looks see the same. */
async function still(t: TestContext): Promise<number[]> {
  const children = [
    spawn('sleep', ['1000'], { stdio: 'ignore' }),
    spawn('setsid', ['nice', '-n', '5', 'sh', '-c', 'sleep 1001; :', 'a b', ''], { stdio: 'ignore' }),
  ];
  t.after(() => {
    for (const child of children) {
      try {
        process.kill(-(child.pid ?? 0), 'SIGKILL');
      } catch {
        child.kill('SIGKILL');
      }
    }
  });
  const pids = children.map(({ pid }) => pid ?? 0);
  for (;;) {
    const names = await Promise.all(pids.map((pid) => readFile(`/proc/${String(pid)}/comm`, 'utf8')));
    if (names[0] === 'sleep\n' && names[1] === 'sh\n') return pids.toSorted((a, b) => a - b);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

const ASKED = [
  '-ef',
  '-eF',
  '-fA',
  '-j',
  'j',
  '',
  'ax',
  'aux',
  '-e',
  '-o pid,ppid,pgid,pgrp,sid,sess,tpgid',
  '-o pid,uid,euid,ruid,user,euser,ruser,gid,egid,rgid,group',
  '-eo pid,vsz,rss,rsz,sz,nlwp,ni,pri,stat,s,state',
  // One with spaces in it only at the end: the host's ps has no other way to tell columns apart.
  '-o pid,tty,tt,tname,comm,ucmd,args',
  '-o pid,cmd',
  '-o pid,command',
  'o pid,start_time,bsdstart,stime,lstart',
  '-o pid=PID,args=WHAT',
  '--format pid,f,psr,times,time,bsdtime,cputime',
  '-o pid -o comm',
];

test("every column is what the host's ps says", { skip }, async (t) => {
  const pids = await still(t);
  for (const text of ASKED) {
    const words = text.split(' ').filter((word) => word !== '');
    // In one second and the other a share or an age differs: those are for the next test.
    const changing = new Set(['C', '%CPU', '%MEM', 'PSR', 'ADDR']);
    const { stdout } = await run('ps', [...words, '-q', pids.join(',')], { env: { ...process.env, COLUMNS: '500' } });
    const wanted = parsePsOutput(stdout, new Set(pids));
    const found = await own(pids, text);
    assert.deepEqual(found.titles, wanted.titles, text);
    assert.equal(found.processes.length, 2, text);
    for (const [row, process] of found.processes.entries())
      for (const [column, title] of found.titles.entries())
        if (!changing.has(title)) assert.equal(process[column]?.trim(), wanted.processes[row]?.[column]?.trim(), `ps ${text}: ${title}`);
  }
});

test('shares and ages', () => {
  const stat = '7 (a) b) c) S 1 7 7 34816 9 4194304 10 0 2 0 500 250 0 0 25 5 3 0 1000 8192000 100 0 0 0 0 0 0 0 0 0 0 0 0 17 1 0 0 0 0 0';
  const files = new Map([
    ['/proc/7/stat', stat],
    ['/proc/7/status', 'Name:\tx\nUid:\t1\t2\t2\t2\nGid:\t3\t4\t4\t4\n'],
    ['/proc/7/cmdline', 'sh\0-c\0a  b\0'],
    ['/proc/stat', 'cpu 1 2\nbtime 1000000\n'],
    ['/proc/uptime', '100085.00 5\n'],
    ['/proc/meminfo', 'MemTotal:       8000 kB\n'],
  ]);
  const machine = parseMachine(files);
  const facts = parseProcess(7, files, machine) ?? assert.fail();
  const names = { user: (id: number) => `u${String(id)}`, group: (id: number) => `g${String(id)}` };
  const show = (text: string): string[] => parsePsArguments(text).map((column) => column.show(facts, machine, names));
  assert.deepEqual(show('-o pid,comm,args,user,ruser,group,tty'), ['7', 'a) b) c', 'sh -c a  b', 'u2', 'u1', 'g4', 'pts/0']);
  // It ran 7.5 s of 100,075.
  assert.deepEqual(show('-o pid,etime,etimes,time,%cpu,%mem,rss,vsz,stat'), [
    '7',
    '01-03:47:55',
    '100075',
    '00:00:07',
    '0.0',
    '5.0',
    '400',
    '8000',
    'SNsl',
  ]);
  assert.equal(parseProcess(8, files, machine), undefined, 'one that is gone');
});

test('what would need more than a line for each process is refused by name', () => {
  for (const [text, message] of [
    ['-L', /^ps option "-L" is not available/],
    ['axf', /^ps option "f"/],
    ['-efH', /^ps option "-H"/],
    ['--forest', /^ps option "--forest"/],
    ['--sort=pid', /^ps option "--sort=pid"/],
    ['-o pid,nosuch', /^error: unknown user-defined format specifier "nosuch"$/],
    ['-o', /^error: format specification must follow -o$/],
    ['-eo pid,', /^$/],
  ] as const) {
    if (text === '-eo pid,') assert.equal(parsePsArguments(text).length, 1);
    else assert.throws(() => parsePsArguments(text), { code: 'invalid', message });
  }
});
