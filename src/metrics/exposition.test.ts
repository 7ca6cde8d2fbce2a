import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Counter } from './counter.ts';
import { writeExposition } from './exposition.ts';
import { gauge } from './family.ts';
import { Histogram } from './histogram.ts';

test('a family has its help and type once, before its samples', () => {
  const counter = new Counter('a_total', 'How many.\nReally \\.');
  counter.add({ kind: 'x' });
  counter.add({ kind: 'y "\n\\' });
  counter.add({ kind: 'x' }, 2);
  assert.equal(
    writeExposition([counter.read(), gauge('none', 'Nothing.', []), gauge('b', 'B.', [{ labels: {}, value: Infinity }])]),
    '# HELP a_total How many.\\nReally \\\\.\n# TYPE a_total counter\na_total{kind="x"} 3\na_total{kind="y \\"\\n\\\\"} 1\n# HELP b B.\n# TYPE b gauge\nb +Inf\n',
  );
});

test('a histogram counts what is at most each bound, and all', () => {
  const histogram = new Histogram('s_seconds', 'S.', [0.1, 1]);
  for (const value of [0.05, 0.1, 0.5, 7]) histogram.observe({ how: 'x' }, value);
  assert.equal(
    writeExposition([histogram.read()]),
    '# HELP s_seconds S.\n# TYPE s_seconds histogram\ns_seconds_bucket{how="x",le="0.1"} 2\ns_seconds_bucket{how="x",le="1"} 3\n' +
      's_seconds_bucket{how="x",le="+Inf"} 4\ns_seconds_sum{how="x"} 7.65\ns_seconds_count{how="x"} 4\n',
  );
});
