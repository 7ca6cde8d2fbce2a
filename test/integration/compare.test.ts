/** `./abode compare` from end to end: what it prints, for people and for machines, and what it leaves. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { Value } from 'typebox/value';
import type { JsonReport } from '../../src/compare/report-json.ts';
import { REPORT_SCHEMA } from '../../src/compare/report-schema.ts';
import { Machine } from '../fixtures/comparison-command.ts';
import { cannotRun } from '../fixtures/robust-daemon.ts';

const MEBIBYTE = 1 << 20;
/** Templates, and cold boots without KVM on a loaded machine. */
const TEST_MS = 600_000;

// One for all, in this order: the first makes templates and disks, as it does for a user.
const machine = new Machine();
after(() => machine[Symbol.asyncDispose]());
const options = { skip: cannotRun, timeout: TEST_MS };

type ColumnReport = JsonReport['columns'][number];

function medianOf(column: ColumnReport | undefined, measure: string): number {
  return column?.summaries[measure]?.median ?? Number.NaN;
}

test('--json: every isolation, in numbers that can be', options, async () => {
  const { code, stdout, stderr } = await machine.compare('--json', '--runs', '2', '--work', '1', '--seed', '7').ended;
  assert.equal(code, 0, stderr);
  const parsed: unknown = JSON.parse(stdout);
  assert.deepEqual(Value.Errors(REPORT_SCHEMA, parsed), []);
  const report = parsed as JsonReport;
  assert.equal(report.image.reference, 'abode/base');
  assert.equal(report.seed, 7);
  assert.ok(report.accelerator === 'tcg' || report.accelerator === 'kvm');
  assert.ok(Math.abs(Date.now() - Date.parse(report.startedAt)) < TEST_MS);
  assert.deepEqual(
    report.columns.map(({ name, runs, samples }) => [name, runs, samples.length]),
    ['container', 'vm', 'vm-cold', 'hybrid'].map((name) => [name, 2, 2]),
  );
  assert.deepEqual(
    report.order.map((block) => block.toSorted()),
    [0, 1].map(() => ['container', 'hybrid', 'vm', 'vm-cold']),
  );
  const [container, vm, cold, hybrid] = report.columns;
  for (const column of report.columns) {
    for (const sample of [column.warmUp ?? {}, ...column.samples]) {
      const { start = 0, total = 0, work = 0, roundTrip = 0, memory = 0 } = sample;
      assert.ok(start > 0 && total > start, `${column.name}: a removed container was started before`);
      assert.ok(work > 0 && roundTrip > 0, `${column.name}: work takes time`);
      assert.ok(memory > 0, `${column.name}: an instance needs memory`);
    }
    assert.ok((column.imageSize ?? 0) > 0, `${column.name}: an image has a size`);
  }
  assert.ok(medianOf(vm, 'start') < medianOf(cold, 'start'), 'a clone starts before a cold boot has booted');
  // A guest's kernel and agent are more than a shim, and less than the machine has.
  for (const column of [vm, cold]) {
    assert.ok(medianOf(column, 'memory') > 10 * MEBIBYTE && medianOf(column, 'memory') < report.machine.memory);
    assert.ok(medianOf(container, 'memory') < medianOf(column, 'memory'));
  }
  for (const column of [vm, hybrid]) assert.ok(medianOf(column, 'template') > 10 * MEBIBYTE, 'a template is held for all');
  for (const column of report.columns.slice(1)) assert.equal(medianOf(column, 'pool'), 0, 'there is no pool unless asked for');
  assert.equal(container?.absences.template, 'not used');
  assert.deepEqual([...new Set(report.verdicts.map(({ outcome, base }) => `${outcome} ${base}`))], ['too-few container']);
  await machine.assertClean();
});

test('as text: the circumstances, the acceleration, then the table', options, async () => {
  const { code, stdout, stderr } = await machine.compare('--runs', '1', '--work', '1', '--only', 'hybrid,vm,container').ended;
  assert.equal(code, 0, stderr);
  for (const step of ['start a daemon for this comparison', 'prepare container', 'prepare vm', 'prepare hybrid', 'measure'])
    assert.ok(stderr.split('\n').includes(step), step);
  const lines = stdout.split('\n');
  const header = lines.findIndex((line) => /^ +container +vm +hybrid$/.test(line));
  const acceleration = lines.findIndex((line) => /^Acceleration of VMs: (tcg, software emulation|kvm)\./.test(line));
  assert.ok(acceleration >= 0 && acceleration < header, 'the acceleration stands above the table');
  assert.match(stdout, /^Image abode\/base \([0-9a-f]{12}\)$/m);
  assert.match(stdout, /^Runs: container 1, vm 1, hybrid 1; random order in blocks, seed \d+$/m);
  for (const row of ['start latency', 'run to removal', 'CPU work', 'memory, own', 'image']) {
    const cells = lines.slice(header).find((line) => line.startsWith(`${row} `)) ?? '';
    assert.match(cells, /^\S.*?(?: {2,}[\d.,]+ \S+){3}$/, `${row} has a value in every column`);
  }
  assert.doesNotMatch(stdout, /\btimes \(95 %/);
  assert.match(stdout, /^ {2}start latency: no verdict between container and vm, hybrid: fewer than 5 runs$/m);
  await machine.assertClean();
});

for (const [when, words] of [
  ['while it prepares', /^prepare hybrid$/m],
  ['while it measures', /^measure: block 2 /m],
] as const) {
  test(`Ctrl-C ${when} leaves nothing behind`, options, async () => {
    const comparing = machine.compare('--runs', '1000', '--work', '1', '--only', 'container,vm,hybrid');
    await comparing.said(words, TEST_MS / 2);
    comparing.interrupt();
    const { code, stdout, stderr } = await comparing.ended;
    assert.equal(code, 130, stderr);
    assert.equal(stdout, '');
    assert.match(stderr, /^abode: interrupted; everything made so far is removed$/m);
    assert.doesNotMatch(stderr, /left behind/);
    await machine.assertClean();
  });
}
