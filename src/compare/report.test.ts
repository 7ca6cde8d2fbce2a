import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Value } from 'typebox/value';
import type { ColumnResult, Comparison } from './comparison.ts';
import type { Sample } from './measures.ts';
import { buildJsonReport } from './report-json.ts';
import { REPORT_SCHEMA } from './report-schema.ts';
import { renderReport } from './report.ts';
import { describeVerdicts, judge } from './verdict.ts';

function column(name: string, starts: readonly number[], more: Partial<ColumnResult> = {}): ColumnResult {
  const samples = starts.map((start): Sample => ({ start, memory: 1e6 }));
  return {
    name,
    engine: 'Abode 1',
    runs: starts.length,
    warmUp: undefined,
    samples,
    absences: {},
    imageSize: 2e6,
    failure: undefined,
    ...more,
  };
}

function comparison(columns: readonly ColumnResult[], more: Partial<Comparison> = {}): Comparison {
  return {
    version: '1',
    startedAt: '2026-01-01T00:00:00.000Z',
    image: { reference: 'abode/base', id: `sha256:${'a'.repeat(64)}` },
    workload: { command: undefined, workMiB: 64 },
    seed: 7,
    order: [columns.map(({ name }) => name)],
    machine: { cpu: 'a CPU', cpus: 4, memory: 8e9, kernel: '6', system: 'Debian', load: 0.1 },
    accelerator: 'tcg',
    columns,
    ...more,
  };
}

const fast = [10, 11, 12, 10, 11, 12, 10, 11];
const slow = [40, 42, 41, 43, 40, 42, 41, 43];

test('columns that are apart get a ratio with its interval', () => {
  const [verdict] = judge([column('container', fast), column('vm', slow)], 7);
  assert.equal(verdict?.outcome, 'different');
  assert.ok(verdict.ratio !== undefined && verdict.ratio.low <= verdict.ratio.value && verdict.ratio.value <= verdict.ratio.high);
  assert.match(
    describeVerdicts([verdict]).join(),
    /^start latency: vm takes 3\.77 times \(95 % interval [\d.]+ to [\d.]+\) what container takes$/,
  );
});

test('no verdict where the spreads overlap, and none from a few runs', () => {
  const overlapping = judge(
    [
      column('container', fast),
      column(
        'hybrid',
        [...fast].map((value) => value + 0.5),
      ),
    ],
    7,
  );
  assert.equal(overlapping[0]?.outcome, 'overlap');
  const few = judge([column('container', fast), column('vm-cold', [4000, 4100, 4050])], 7);
  assert.equal(few[0]?.outcome, 'too-few');
  assert.deepEqual(describeVerdicts([overlapping, few].flatMap((list) => list.slice(0, 1))), [
    'start latency: no verdict between container and hybrid: the spreads overlap',
    'start latency: no verdict between container and vm-cold: fewer than 5 runs',
  ]);
});

test('a failed column is named with its reason and is compared with nothing', () => {
  const text = renderReport(comparison([column('container', fast), column('vm', [], { failure: 'QEMU is missing', engine: undefined })]));
  assert.match(text, /Failed\n {2}vm: QEMU is missing/);
  assert.doesNotMatch(text, /vm takes/);
});

test('when the first column failed, the next one is what others are compared with', () => {
  const verdicts = judge([column('container', [], { failure: 'x' }), column('vm', fast), column('vm-cold', slow)], 7);
  assert.deepEqual([...new Set(verdicts.map(({ base }) => base))], ['vm']);
});

test('the acceleration stands above the table, and tcg says what it does not say', () => {
  const text = renderReport(comparison([column('container', fast), column('vm', slow)]));
  assert.ok(text.indexOf('say nothing about VMs with hardware virtualisation') < text.indexOf('─'));
  assert.ok(text.includes('Acceleration of VMs: tcg'));
  assert.ok(renderReport(comparison([column('vm', slow)], { accelerator: 'kvm' })).includes('Acceleration of VMs: kvm.'));
});

test('an empty cell has its reason below, and a busy machine is said to be busy', () => {
  const bare = column('vm', slow, {
    imageSize: undefined,
    absences: { imageSize: 'no disk was made of it', template: 'not used' },
  });
  const text = renderReport(
    comparison([bare], {
      machine: { cpu: 'a', cpus: 2, memory: 1e9, kernel: '6', system: 'Debian', load: 3 },
    }),
  );
  assert.match(text, /Left empty\n {2}vm, image: no disk was made of it\n/);
  assert.match(text, /machine was busy: load 3\.0 on 2 CPUs/);
});

test('the JSON holds every sample, the seed, the order and a version of its schema', () => {
  const data = comparison([column('container', fast), column('vm', slow)]);
  const report = JSON.parse(JSON.stringify(buildJsonReport(data))) as ReturnType<typeof buildJsonReport>;
  assert.deepEqual(Value.Errors(REPORT_SCHEMA, report), []);
  assert.notDeepEqual(Value.Errors(REPORT_SCHEMA, { ...report, more: 1 }), []);
  assert.notDeepEqual(Value.Errors(REPORT_SCHEMA, { ...report, seed: undefined }), []);
  assert.deepEqual(
    report.columns.map(({ samples }) => samples.length),
    [8, 8],
  );
  assert.equal(report.seed, 7);
  assert.deepEqual(report.order, data.order);
  assert.equal(report.columns[1]?.summaries['start']?.median, 41.5);
});
