import assert from 'node:assert/strict';
import { test } from 'node:test';
import { signalNumber } from './signals.ts';

test('a signal has its number, by every name that Docker knows', () => {
  const cases: ReadonlyArray<readonly [name: string, number: number]> = [
    ['TERM', 15],
    ['SIGTERM', 15],
    ['sigkill', 9],
    ['Hup', 1],
    ['15', 15],
    ['1', 1],
    ['64', 64],
    ['USR1', 10],
    ['CHLD', 17],
    ['CLD', 17],
    ['STKFLT', 16],
    ['POLL', 29],
    ['IO', 29],
    ['IOT', 6],
    ['WINCH', 28],
    ['RTMIN', 34],
    ['SIGRTMIN+1', 35],
    ['RTMIN+15', 49],
    ['RTMAX-14', 50],
    ['RTMAX-1', 63],
    ['SIGRTMAX', 64],
  ];
  for (const [name, number] of cases) assert.equal(signalNumber(name), number, name);
});

test('what is no signal is refused in the words of Docker', () => {
  const wrong = [
    '',
    '0',
    '65',
    '-1',
    '1.5',
    'FOO',
    'SIG',
    'TERM ',
    'RTMINX',
    'RTMIN+',
    'RTMIN+16',
    'RTMIN+31',
    'RTMAX-15',
    'RTMAX+1',
    'toString',
  ];
  for (const name of [...wrong, '__proto__', 'RTMIN-1'])
    assert.throws(() => signalNumber(name), { code: 'invalid', message: `Invalid signal: ${name}` }, name);
});
