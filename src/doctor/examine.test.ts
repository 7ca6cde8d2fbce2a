import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { checkOverlay } from './check-overlay.ts';
import { examine } from './examine.ts';
import { type Check, type Ground, ok } from './finding.ts';
import { formatFinding } from './format-finding.ts';

const ground: Ground = {
  root: '/none/such',
  bridge: 'none0',
  build: '/none/build',
};

test('a check that throws is a finding, and the next one still runs', async () => {
  const checks: Record<string, Check> = {
    broken: () => Promise.reject(new Error('no such luck')),
    fine: () => Promise.resolve([ok('fine', 'works')]),
  };
  const findings = await Array.fromAsync(examine(ground, checks));
  assert.deepEqual(
    findings.map(({ check, verdict }) => `${check} ${verdict}`),
    ['broken missing', 'fine ok'],
  );
  assert.match(findings[0]?.detail ?? '', /no such luck/);
});

test('without a build VMs are missing, by name and with the command that mends it', async () => {
  const { checkAcceleration } = await import('./check-acceleration.ts');
  const [finding] = await checkAcceleration(ground);
  assert.equal(finding?.verdict, 'missing');
  assert.equal(finding?.disables, 'VMs');
  assert.equal(finding?.mend, './abode up');
});

test('overlayfs is tried below the root that is not there yet, and leaves nothing', async (t) => {
  if (process.geteuid?.() !== 0) {
    t.skip('needs root');
    return;
  }
  const parent = await mkdtemp(join(tmpdir(), 'abode-doctor-test-'));
  t.after(() => rm(parent, { recursive: true, force: true }));
  const [finding] = await checkOverlay({ ...ground, root: join(parent, 'deep', 'root') });
  assert.match(finding?.detail ?? '', new RegExp(parent));
  assert.deepEqual(await readdir(parent), []);
});

test('a finding tells what it affects and what mends it', () => {
  const text = formatFinding(
    {
      check: 'crun',
      verdict: 'missing',
      detail: 'not here',
      disables: 'containers',
      mend: 'apt-get install crun',
    },
    false,
  );
  assert.equal(text.split('\n').length, 3);
  assert.match(text, /^missing {2}crun {12}not here\n +affects: containers\n +mend: {4}apt-get install crun$/);
});
