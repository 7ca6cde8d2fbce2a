/** `linux.resources` and `linux.devices` of an OCI configuration (runtime-spec, config-linux.md). */
import { invalid } from '../../base/errors.ts';
import { blockDevice, type BlockRate, type DeviceNode, findDevices, hostDevices, type Resources } from '../resources.ts';
import type { ContainerSpec, Limits } from '../sandbox.ts';

/** What is looked up on the host before a configuration can be written; the guest of a VM has none of it. */
export interface HostParts {
  readonly devices: readonly DeviceNode[];
  readonly deviceRules: readonly object[];
  readonly blockIo: object | undefined;
}

export const NO_HOST_PARTS: HostParts = { devices: [], deviceRules: [], blockIo: undefined };

export async function findHostParts({ resources, security }: ContainerSpec): Promise<HostParts> {
  if (resources === undefined && !security.privileged) return NO_HOST_PARTS;
  const wishes = resources?.devices ?? [];
  const [own, wanted, blockIo] = await Promise.all([
    security.privileged ? hostDevices() : [],
    Promise.all(wishes.map(async (wish) => ({ wish, nodes: await findDevices(wish) }))),
    resources === undefined ? undefined : composeBlockIo(resources),
  ]);
  const devices = new Map([...own, ...wanted.flatMap(({ nodes }) => nodes)].map((node) => [node.path, node]));
  const rules = wanted.flatMap(({ wish, nodes }) =>
    nodes.map(({ type, major, minor }) => ({ allow: true, type, major, minor, access: wish.access })),
  );
  return { devices: [...devices.values()], deviceRules: rules, blockIo };
}

export function composeDevices(parts: HostParts): { devices?: object[] } {
  if (parts.devices.length === 0) return {};
  return {
    devices: parts.devices.map(({ path, type, major, minor, mode, uid, gid }) => ({ path, type, major, minor, fileMode: mode, uid, gid })),
  };
}

export function composeResources(spec: ContainerSpec, parts: HostParts): object {
  const { limits, resources, security } = spec;
  const memory = composeMemory(limits, resources);
  return {
    devices: deviceRules(security.privileged, [...parts.deviceRules, ...(resources?.deviceRules ?? []).map(parseDeviceRule)]),
    ...(Object.keys(memory).length > 0 ? { memory } : {}),
    ...(limits.pids > 0 ? { pids: { limit: limits.pids } } : {}),
    cpu: composeCpu(limits, resources),
    ...(parts.blockIo === undefined ? {} : { blockIO: parts.blockIo }),
  };
}

function composeMemory(limits: Limits, resources: Resources | undefined): object {
  const swap = limits.memorySwap === 0 ? limits.memory * 2 : Math.max(-1, limits.memorySwap);
  return {
    ...(limits.memory > 0 ? { limit: limits.memory, swap } : {}),
    ...(resources !== undefined && resources.memoryReservation > 0 ? { reservation: resources.memoryReservation } : {}),
    ...(resources?.memorySwappiness === undefined ? {} : { swappiness: resources.memorySwappiness }),
    ...(resources?.oomKillDisable === true ? { disableOOMKiller: true } : {}),
    ...(resources !== undefined && resources.kernelMemoryTcp > 0 ? { kernelTCP: resources.kernelMemoryTcp } : {}),
  };
}

const PERIOD = 100_000;

function composeCpu(limits: Limits, resources: Resources | undefined): object {
  const { cpuPeriod = 0, cpuQuota = 0, realtimePeriod = 0, realtimeRuntime = 0, memoryNodes = '' } = resources ?? {};
  const quota = { period: PERIOD, quota: Math.max(1000, Math.round((limits.microCpus * PERIOD) / 1_000_000)) };
  return {
    ...(limits.cpuShares > 0 ? { shares: limits.cpuShares } : {}),
    ...(limits.microCpus > 0 ? quota : {}),
    ...(cpuPeriod > 0 ? { period: cpuPeriod } : {}),
    ...(cpuQuota === 0 ? {} : { quota: cpuQuota }),
    ...(limits.cpuset === '' ? {} : { cpus: limits.cpuset }),
    ...(memoryNodes === '' ? {} : { mems: memoryNodes }),
    ...(realtimePeriod > 0 ? { realtimePeriod } : {}),
    ...(realtimeRuntime > 0 ? { realtimeRuntime } : {}),
  };
}

async function composeBlockIo({ block }: Resources): Promise<object | undefined> {
  const { weight, weights, readBps, writeBps, readIops, writeIops } = block;
  if (weight === 0 && [weights, readBps, writeBps, readIops, writeIops].every((list) => list.length === 0)) return undefined;
  const rates = (list: readonly BlockRate[]): Promise<object[]> =>
    Promise.all(list.map(async ({ path, rate }) => ({ ...(await blockDevice(path)), rate })));
  return {
    ...(weight > 0 ? { weight } : {}),
    weightDevice: await Promise.all(weights.map(async ({ path, rate }) => ({ ...(await blockDevice(path)), weight: rate }))),
    throttleReadBpsDevice: await rates(readBps),
    throttleWriteBpsDevice: await rates(writeBps),
    throttleReadIOPSDevice: await rates(readIops),
    throttleWriteIOPSDevice: await rates(writeIops),
  };
}

/** `c 10:* rwm` */
export function parseDeviceRule(rule: string): object {
  const [, type, major, minor, access] = /^([acb]) ([0-9]+|\*):([0-9]+|\*) ([rwm]{1,3})$/.exec(rule) ?? [];
  if (type === undefined) throw invalid(`invalid device cgroup rule format: '${rule}'`);
  const number = (name: 'major' | 'minor', text = '*'): object => (text === '*' ? {} : { [name]: Number(text) });
  return { allow: true, type, ...number('major', major), ...number('minor', minor), access };
}

/** Docker's device rules: all, or nothing but the usual nodes and what was asked for. */
function deviceRules(privileged: boolean, more: readonly object[]): object[] {
  if (privileged) return [{ allow: true, access: 'rwm' }];
  const nodes: ReadonlyArray<readonly [number, number | undefined, string]> = [
    [1, 5, 'rwm'],
    [1, 3, 'rwm'],
    [1, 9, 'rwm'],
    [1, 8, 'rwm'],
    [1, 7, 'rwm'],
    [5, 0, 'rwm'],
    [5, 1, 'rwm'],
    [5, 2, 'rwm'],
    [136, undefined, 'rwm'],
  ];
  return [
    { allow: false, access: 'rwm' },
    { allow: true, type: 'c', access: 'm' },
    { allow: true, type: 'b', access: 'm' },
    ...nodes.map(([major, minor, access]) => ({ allow: true, type: 'c', major, ...(minor === undefined ? {} : { minor }), access })),
    ...more,
  ];
}
