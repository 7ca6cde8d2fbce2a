/** Abode's own columns: one image in every isolation. */
import { AbodeError } from '../base/errors.ts';
import { EngineError } from '../docker-client/errors.ts';
import { untilAborted } from './abortable.ts';
import type { Column, Reading } from './column.ts';
import type { PlannedColumn, Preparation } from './planned-column.ts';

export const ABODE_COLUMNS = ['container', 'vm', 'vm-cold', 'hybrid'] as const;
export type AbodeColumn = (typeof ABODE_COLUMNS)[number];

/** A cold boot takes seconds under emulation, and varies little. */
const MAX_COLD_RUNS = 5;
/** The template may have to be built first. */
const CREATE_VM_MS = 900_000;

export function planAbodeColumn(name: AbodeColumn): PlannedColumn {
  return { name, prepare: (preparation) => prepare(name, preparation) };
}

async function prepare(name: AbodeColumn, preparation: Preparation): Promise<Column> {
  const { abode, engine, reference, image, runs, signal } = preparation;
  // Asked here, so that a wrong --socket is said once and plainly.
  await abode.facts(signal);
  return {
    name,
    engine,
    client: abode,
    image: reference,
    runtime: name === 'hybrid' ? await createVm(preparation) : name === 'container' ? undefined : name,
    runs: name === 'vm-cold' ? Math.min(runs, MAX_COLD_RUNS) : runs,
    readMemory: async (id, within) => readMemory(name, await abode.memory(id, within)),
    readImageSize: async (within) => {
      try {
        const sizes = await abode.imageSizes(image.id, within);
        return name === 'container' ? sizes.layers : (sizes.disk ?? 'no disk was made of it');
      } catch (error) {
        if (!(error instanceof EngineError && error.status === 404)) throw error;
        return name === 'container' ? image.size : 'the daemon does not tell the size of disks';
      }
    },
  };
}

/** The name of the runtime for the shared VM, made for this comparison and removed with it. */
async function createVm({ abode, runId, signal, cleanUp }: Preparation): Promise<string> {
  const name = `compare-${runId}`;
  const creation = abode.createVm({ name }, AbortSignal.timeout(CREATE_VM_MS));
  creation.catch(() => undefined);
  cleanUp.defer(async () => {
    // An interruption may come before its answer does.
    await creation.catch(() => undefined);
    await abode.removeVm(name, { force: true, signal: AbortSignal.timeout(60_000) }).catch((error: unknown) => {
      if (!(error instanceof AbodeError && error.code === 'not-found')) throw error;
    });
  });
  await untilAborted(creation, signal);
  return `vm:${name}`;
}

function readMemory(name: AbodeColumn, use: { own: number; template: number; pool: number }): Reading {
  if (name === 'container') return { sample: { memory: use.own }, absences: { template: 'not used', pool: 'not used' } };
  return { sample: { memory: use.own, template: use.template, pool: use.pool }, absences: {} };
}
