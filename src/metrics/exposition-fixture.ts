/** Test code: reads an exposition as strictly as its specification allows. */
import assert from 'node:assert/strict';

export interface Parsed {
  readonly type: string;
  readonly help: string;
  readonly samples: ReadonlyArray<{ readonly name: string; readonly labels: Readonly<Record<string, string>>; readonly value: number }>;
}

type Mutable = { type: string; help: string; samples: Array<Parsed['samples'][number]> };

const NAME = /^[a-z][a-z0-9_]*$/;
const SAMPLE = /^([a-z][a-z0-9_]*)(?:\{(.*)\})? (\S+)$/;
const LABEL = /^([a-z][a-z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"(?:,|$)/;
const HISTOGRAM = /_(bucket|sum|count)$/;
const UNITS = /_(seconds|bytes|total|info|ratio|fds)$/;

export function parseExposition(text: string): Map<string, Parsed> {
  assert.ok(text.endsWith('\n'), 'the last line ends');
  const families = new Map<string, Mutable>();
  let current: { name: string; family: Mutable } | undefined;
  for (const line of text.slice(0, -1).split('\n')) {
    const [, kind, name = '', rest = ''] = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line) ?? [];
    if (kind === 'HELP') {
      assert.ok(NAME.test(name) && !families.has(name), `${name}: a family begins once`);
      current = { name, family: { type: '', help: rest, samples: [] } };
      families.set(name, current.family);
    } else if (kind === 'TYPE') {
      assert.equal(name, current?.name);
      assert.ok(current !== undefined && ['counter', 'gauge', 'histogram'].includes(rest), line);
      current.family.type = rest;
    } else {
      assert.ok(current !== undefined && current.family.type !== '', `${line}: a sample follows its family's type`);
      current.family.samples.push(parseSample(line, current.name, current.family.type));
    }
  }
  for (const [name, family] of families) check(name, family);
  return families;
}

function parseSample(line: string, family: string, type: string): Parsed['samples'][number] {
  const [, name = '', labelText = '', value = ''] = SAMPLE.exec(line) ?? assert.fail(`no sample: ${line}`);
  assert.equal(type === 'histogram' ? name.replace(HISTOGRAM, '') : name, family, line);
  const labels: Record<string, string> = {};
  for (let rest = labelText; rest !== '';) {
    const [whole, label = '', quoted = ''] = LABEL.exec(rest) ?? assert.fail(`no label: ${rest}`);
    assert.ok(!(label in labels), `${line}: a label once`);
    labels[label] = quoted.replaceAll(/\\(.)/g, (_, letter: string) => (letter === 'n' ? '\n' : letter));
    rest = rest.slice(whole.length);
  }
  const number = value === '+Inf' ? Infinity : Number(value);
  assert.ok(!Number.isNaN(number), line);
  return { name, labels, value: number };
}

function check(name: string, { type, help, samples }: Parsed): void {
  assert.ok(samples.length > 0 && help.endsWith('.'), `${name} has samples and a help text`);
  assert.equal(name.endsWith('_total'), type === 'counter', `${name}: counters, and only they, end with _total`);
  if (name.includes('second') || name.includes('byte')) assert.match(name.replace(/_total$/, ''), UNITS, `${name}: the unit comes last`);
  const keys = samples.map((sample) => JSON.stringify([sample.name, Object.entries(sample.labels).toSorted(byName)]));
  assert.equal(new Set(keys).size, keys.length, `${name}: a sample once`);
  if (type !== 'gauge') for (const sample of samples) assert.ok(sample.value >= 0, `${name} is not negative`);
  if (type === 'histogram') checkHistogram(name, samples);
}

function checkHistogram(name: string, samples: Parsed['samples']): void {
  const series = Map.groupBy(samples, ({ labels }) => JSON.stringify(Object.entries(labels).filter(([label]) => label !== 'le')));
  for (const own of series.values()) {
    const buckets = own.filter((sample) => sample.name === `${name}_bucket`);
    const bounds = buckets.map(({ labels }) => (labels['le'] === '+Inf' ? Infinity : Number(labels['le'])));
    assert.deepEqual(
      bounds,
      bounds.toSorted((left, right) => left - right),
    );
    assert.equal(bounds.at(-1), Infinity);
    const values = buckets.map(({ value }) => value);
    assert.deepEqual(
      values,
      values.toSorted((left, right) => left - right),
      `${name}: buckets contain those before`,
    );
    assert.equal(values.at(-1), own.find((sample) => sample.name === `${name}_count`)?.value);
    assert.ok(own.some((sample) => sample.name === `${name}_sum`));
  }
}

/** The one sample with these labels, and maybe others. */
export function valueOf(
  families: ReadonlyMap<string, Parsed>,
  family: string,
  labels: Readonly<Record<string, string>> = {},
  suffix = '',
): number {
  const found = (families.get(family)?.samples ?? []).filter(
    (sample) => sample.name === family + suffix && Object.entries(labels).every(([label, value]) => sample.labels[label] === value),
  );
  assert.equal(found.length, 1, `${family}${suffix} ${JSON.stringify(labels)}: ${JSON.stringify(found)}`);
  return found[0]?.value ?? NaN;
}

function byName([left]: readonly [string, string], [right]: readonly [string, string]): number {
  return left < right ? -1 : 1;
}
