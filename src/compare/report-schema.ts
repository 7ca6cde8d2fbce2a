/** What `abode compare --json` prints, for those who read it: sizes are in bytes, times in milliseconds. */
import { type TSchema, Type } from 'typebox';
import { MEASURES } from './measures.ts';

const closed = { additionalProperties: false } as const;
const text = Type.String({ minLength: 1 });
const amount = Type.Number({ minimum: 0 });
const count = Type.Integer({ minimum: 0 });

/** Something for each measure that there is a value of. */
function perMeasure(value: TSchema, ...more: readonly string[]): TSchema {
  const names = [...MEASURES.map(({ name }) => name), ...more];
  return Type.Object(Object.fromEntries(names.map((name) => [name, Type.Optional(value)])), closed);
}

const sample = perMeasure(amount);

const summary = Type.Object(
  {
    count: Type.Integer({ minimum: 1 }),
    median: amount,
    spread: Type.Object({ low: amount, high: amount, kind: Type.Enum(['quartiles', 'range']) }, closed),
  },
  closed,
);

const column = Type.Object(
  {
    name: text,
    engine: Type.Optional(text),
    runs: count,
    warmUp: Type.Optional(sample),
    samples: Type.Array(sample),
    absences: perMeasure(text, 'imageSize'),
    imageSize: Type.Optional(count),
    failure: Type.Optional(text),
    summaries: perMeasure(summary),
  },
  closed,
);

const verdict = Type.Object(
  {
    measure: Type.Enum(MEASURES.filter((measure) => measure.verdict).map(({ name }) => name)),
    column: text,
    base: text,
    ratio: Type.Optional(Type.Object({ value: amount, low: amount, high: amount }, closed)),
    outcome: Type.Enum(['different', 'overlap', 'too-few']),
  },
  closed,
);

export const REPORT_SCHEMA: TSchema = Type.Object(
  {
    schemaVersion: Type.Literal(1),
    version: text,
    startedAt: Type.String({ pattern: String.raw`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$` }),
    image: Type.Object({ reference: text, id: Type.String({ pattern: '^sha256:[0-9a-f]{64}$' }) }, closed),
    workload: Type.Object({ command: Type.Optional(Type.Array(Type.String(), { minItems: 1 })), workMiB: count }, closed),
    seed: count,
    order: Type.Array(Type.Array(text)),
    machine: Type.Object({ cpu: text, cpus: count, memory: amount, kernel: text, system: text, load: amount }, closed),
    accelerator: Type.Optional(Type.Enum(['kvm', 'tcg'])),
    columns: Type.Array(column, { minItems: 1 }),
    units: Type.Record(text, Type.Enum(['ms', 'bytes'])),
    verdicts: Type.Array(verdict),
  },
  closed,
);
