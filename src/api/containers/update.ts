/** `docker update`. A field that it cannot change is refused by name, never dropped. */
import Type from 'typebox';
import { availableParallelism } from 'node:os';
import { invalid } from '../../base/errors.ts';
import type { UpdateRequest } from '../../engine/api.ts';
import type { Api, ApiContext } from '../context.ts';
import { emptyBody } from '../body.ts';
import { notAvailable } from '../unsupported.ts';
import { checkCpus, checkRestart, MIN_MEMORY } from './create-checks.ts';
import { ContainerParams } from './reference.ts';

const whole = Type.Optional(Type.Union([Type.Integer(), Type.Null()]));
const text = Type.Optional(Type.Union([Type.String(), Type.Null()]));
const body = Type.Object({
  Memory: whole,
  MemorySwap: whole,
  MemoryReservation: whole,
  NanoCpus: whole,
  CpuPeriod: whole,
  CpuQuota: whole,
  CpuShares: whole,
  CpusetCpus: text,
  CpusetMems: text,
  PidsLimit: whole,
  BlkioWeight: whole,
  RestartPolicy: Type.Optional(Type.Union([Type.Object({ Name: text, MaximumRetryCount: whole }), Type.Null()])),
});
const FIELDS = Object.keys(body.properties) as Array<keyof UpdateRequest>;
/** Of Docker's body what only a start can give. */
const FIXED = [
  'CpuRealtimePeriod',
  'CpuRealtimeRuntime',
  'KernelMemory',
  'KernelMemoryTCP',
  'MemorySwappiness',
  'OomKillDisable',
  'Devices',
  'Ulimits',
];

export function routeUpdate(api: Api, { engine }: ApiContext): void {
  const schema = { params: ContainerParams, body };
  api.post('/containers/:id/update', { schema, preValidation: [requireBody] }, async (request) => {
    engine.get(request.params.id);
    for (const field of FIXED) {
      if (isGiven(Reflect.get(request.body, field))) throw notAvailable(`updating ${field}`);
    }
    const update = Object.fromEntries(
      FIELDS.map((field) => [field, request.body[field]] as const).filter(([, value]) => value !== undefined && value !== null),
    ) as UpdateRequest; // its fields, checked by the schema
    check(update);
    await engine.update(request.params.id, update);
    return { Warnings: null };
  });
}

async function requireBody(request: { body?: unknown }): Promise<void> {
  if (request.body === undefined) throw emptyBody();
}

function check(update: UpdateRequest): void {
  const { Memory = 0, MemorySwap = 0 } = update;
  if (Memory !== 0 && Memory < MIN_MEMORY) throw invalid('Minimum memory limit allowed is 6MB');
  if (Memory > 0 && MemorySwap > 0 && MemorySwap < Memory)
    throw invalid('Minimum memoryswap limit should be larger than memory limit, see usage');
  checkCpus(update);
  checkRestart({ ...(update.RestartPolicy !== undefined && { RestartPolicy: update.RestartPolicy }) });
  checkCpuset(update.CpusetCpus ?? '');
}

/** Docker's words for processors that are not there, or none at all. */
function checkCpuset(cpuset: string): void {
  if (cpuset === '') return;
  const cpus = cpuset.split(',').flatMap((part) => {
    const [, first, last = first] = /^(\d+)(?:-(\d+))?$/.exec(part.trim()) ?? [];
    if (first === undefined || Number(last) < Number(first)) throw invalid(`Invalid value ${cpuset} for cpuset cpus`);
    return [Number(first), Number(last)];
  });
  const most = availableParallelism() - 1;
  if (cpus.some((cpu) => cpu > most)) throw invalid(`Requested CPUs are not available - requested ${cpuset}, available: 0-${String(most)}`);
}

function isGiven(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0;
  return value !== undefined && value !== null && value !== 0 && value !== false && value !== -1;
}
