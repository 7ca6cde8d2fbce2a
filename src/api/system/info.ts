import { createHash } from 'node:crypto';
import { availableParallelism, hostname, totalmem } from 'node:os';
import type { SystemFacts } from '../../engine/api.ts';
import type { ContainerRecord } from '../../engine/record.ts';
import { readFileIfThere } from '../../base/files.ts';
import type { Api, ApiContext } from '../context.ts';
import { kernelArchitecture, readOperatingSystem } from './platform.ts';

export function routeInfo(api: Api, context: ApiContext): void {
  const { engine, images, config, version } = context;
  api.get('/info', async () => {
    const [facts, system, id] = await Promise.all([engine.facts(), readOperatingSystem(), machineId(config.root)]);
    const containers = engine.list({ all: true, filters: {} });
    return {
      ID: id,
      ...countContainers(containers),
      Images: images.list({ all: false, filters: {} }).length,
      Driver: 'overlay2',
      DriverStatus: describeVms(facts),
      Plugins: { Volume: [], Network: ['bridge', 'null'], Authorization: null, Log: ['json-file'] },
      MemoryLimit: true,
      SwapLimit: true,
      CpuCfsPeriod: true,
      CpuCfsQuota: true,
      CPUShares: true,
      CPUSet: true,
      PidsLimit: true,
      IPv4Forwarding: true,
      Debug: false,
      NFd: 0,
      OomKillDisable: false,
      NGoroutines: 0,
      SystemTime: new Date().toISOString(),
      LoggingDriver: 'json-file',
      CgroupDriver: facts.cgroupDriver,
      CgroupVersion: facts.cgroupVersion,
      NEventsListener: 0,
      KernelVersion: facts.kernel,
      OperatingSystem: system.name,
      OSVersion: system.version,
      OSType: 'linux',
      Architecture: kernelArchitecture(),
      IndexServerAddress: '',
      RegistryConfig: { InsecureRegistryCIDRs: [], IndexConfigs: {}, Mirrors: [] },
      NCPU: availableParallelism(),
      MemTotal: totalmem(),
      GenericResources: null,
      DockerRootDir: config.root,
      HttpProxy: '',
      HttpsProxy: '',
      NoProxy: '',
      Name: hostname(),
      Labels: [],
      ExperimentalBuild: false,
      ServerVersion: version,
      Runtimes: Object.fromEntries(facts.runtimes.map((name) => [name, { path: name }])),
      DefaultRuntime: facts.defaultRuntime,
      Swarm: {
        NodeID: '',
        NodeAddr: '',
        LocalNodeState: 'inactive',
        ControlAvailable: false,
        Error: '',
        RemoteManagers: null,
      },
      // Containers and VMs go on while the daemon is away.
      LiveRestoreEnabled: true,
      Isolation: '',
      InitBinary: '',
      ContainerdCommit: { ID: '' },
      RuncCommit: { ID: '' },
      InitCommit: { ID: '' },
      SecurityOptions: ['name=seccomp,profile=builtin'],
      CDISpecDirs: [],
      Warnings: [],
    };
  });
}

function countContainers(containers: readonly ContainerRecord[]): Record<string, number> {
  const running = containers.flatMap(({ state }) => (state.status === 'running' ? [state] : []));
  const paused = running.filter((state) => state.paused).length;
  return {
    Containers: containers.length,
    ContainersRunning: running.length - paused,
    ContainersPaused: paused,
    ContainersStopped: containers.length - running.length,
  };
}

/** The one place of `docker info` that prints pairs of an engine's own choice. */
function describeVms(facts: SystemFacts): Array<[string, string]> {
  return [
    ['VM Accelerator', facts.accelerator ?? 'not probed yet'],
    ['VM Template Bytes', String(facts.templateBytes)],
    ['VM Pool', `${String(facts.poolSize)} (${String(facts.poolBytes)} bytes)`],
  ];
}

/** The same for a machine and a root for ever, and no way back to the machine's own id. */
async function machineId(root: string): Promise<string> {
  const machine = (await readFileIfThere('/etc/machine-id')) ?? hostname();
  const hash = createHash('sha256').update(`abode:${machine.trim()}:${root}`).digest('hex');
  return [hash.slice(0, 8), hash.slice(8, 12), hash.slice(12, 16), hash.slice(16, 20), hash.slice(20, 32)].join('-');
}
