import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { run } from '../base/process.ts';
import { parseLimits, readCeilings, RLIMITS } from './ceilings.ts';

const TEXT = `Limit                     Soft Limit           Hard Limit           Units     
Max cpu time              unlimited            unlimited            seconds   
Max file size             unlimited            unlimited            bytes     
Max data size             unlimited            unlimited            bytes     
Max stack size            8388608              unlimited            bytes     
Max core file size        0                    1024                 bytes     
Max resident set          unlimited            unlimited            bytes     
Max processes             95959                95960                processes 
Max open files            1024                 524288               files     
Max locked memory         8388608              9223372036854775807  bytes     
Max address space         unlimited            unlimited            bytes     
Max file locks            unlimited            unlimited            locks     
Max pending signals       95959                95959                signals   
Max msgqueue size         819200               819200               bytes     
Max nice priority         0                    0                    
Max realtime priority     0                    0                    
Max realtime timeout      unlimited            unlimited            us        
`;

test('the hard limits are read, those without an end left out', () => {
  assert.deepEqual(
    [...parseLimits(TEXT)],
    [
      ['RLIMIT_CORE', 1024n],
      ['RLIMIT_NPROC', 95_960n],
      ['RLIMIT_NOFILE', 524_288n],
      ['RLIMIT_MEMLOCK', 9_223_372_036_854_775_807n],
      ['RLIMIT_SIGPENDING', 95_959n],
      ['RLIMIT_MSGQUEUE', 819_200n],
      ['RLIMIT_NICE', 0n],
      ['RLIMIT_RTPRIO', 0n],
    ],
  );
});

test('what is not understood is no limit', () => {
  assert.deepEqual([...parseLimits('')], []);
  assert.deepEqual([...parseLimits('Max new thing             1                    2                    bytes\n')], []);
});

test('this process has the limits that prlimit shows for it', async () => {
  const { stdout } = await run('prlimit', ['--raw', '--noheadings', '--output', 'RESOURCE,HARD', '--pid', String(process.pid)]);
  const shown = new Map(
    stdout
      .trim()
      .split('\n')
      .map((line) => line.split(/\s+/))
      .filter(([, hard]) => hard !== 'unlimited')
      .map(([name = '', hard = '']): [string, bigint] => [`RLIMIT_${name}`, BigInt(hard)]),
  );
  const parsed = parseLimits(readFileSync('/proc/self/limits', 'utf8'));
  assert.ok(parsed.size > 0);
  assert.deepEqual(Object.fromEntries(parsed), Object.fromEntries(shown));
});

test('the numbers are those of getrlimit(2)', () => {
  assert.deepEqual(
    ['RLIMIT_CPU', 'RLIMIT_CORE', 'RLIMIT_NOFILE', 'RLIMIT_MEMLOCK', 'RLIMIT_RTTIME'].map((name) => RLIMITS.get(name)),
    [0, 4, 7, 8, 15],
  );
});

test('only capabilities that this process has can be handed on, and limits bind only those without CAP_SYS_RESOURCE', () => {
  const { capabilities, rlimits } = readCeilings();
  const held = BigInt(`0x${/^CapPrm:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? ''}`);
  assert.equal(capabilities.includes('CAP_SYS_CHROOT'), ((held >> 18n) & 1n) === 1n);
  assert.equal(rlimits.size === 0, capabilities.includes('CAP_SYS_RESOURCE'));
});
