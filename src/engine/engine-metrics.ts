/** The engine's own figures: what there is, by state. */
import { Counter } from '../metrics/counter.ts';
import { type Family, gauge, type Sample, single } from '../metrics/family.ts';
import type { EngineEvent, SystemFacts } from './api.ts';
import { statusOf } from './list-filter.ts';
import type { ContainerRecord, VmRecord } from './record.ts';

const STATES = ['created', 'running', 'paused', 'exited', 'removing'];
const ISOLATIONS = ['container', 'vm', 'hybrid'];

export interface EngineState {
  readonly version: string;
  readonly containers: readonly ContainerRecord[];
  readonly images: number;
  readonly vms: readonly VmRecord[];
  readonly facts: SystemFacts;
}

export function describeEngine({ version, containers, images, vms, facts }: EngineState): Family[] {
  return [
    gauge('abode_engine_info', 'What the engine runs on; always 1.', [
      {
        labels: { version, kernel: facts.kernel, cgroup_version: facts.cgroupVersion, accelerator: facts.accelerator ?? 'not probed yet' },
        value: 1,
      },
    ]),
    gauge('abode_containers', 'Containers by isolation and state.', countContainers(containers)),
    gauge('abode_images', 'Images.', single(images)),
    gauge(
      'abode_shared_vms',
      'VMs that containers share, by state.',
      ['running', 'stopped'].map((state) => ({ labels: { state }, value: vms.filter((vm) => vm.state === state).length })),
    ),
    gauge('abode_vm_template_bytes', 'Memory that the VM templates hold for all clones together.', single(facts.templateBytes)),
    gauge('abode_vm_pool_machines', 'Paused clones that are kept ready.', single(facts.poolSize)),
    gauge('abode_vm_pool_bytes', 'Memory that the paused clones hold.', single(facts.poolBytes)),
  ];
}

/** Each event once, however many listen; `exec_start: COMMAND` would be a series for each command. */
export function countEvents(): { readonly count: (event: Pick<EngineEvent, 'type' | 'action'>) => void; readonly read: () => Family } {
  const events = new Counter('abode_events_total', 'Events by type and action, since the daemon was started.');
  return {
    count: ({ type, action }) => {
      events.add({ type, action: action.split(':', 1)[0] ?? '' });
    },
    read: () => events.read(),
  };
}

function countContainers(containers: readonly ContainerRecord[]): Sample[] {
  return ISOLATIONS.flatMap((isolation) => {
    const own = containers.filter((record) => record.isolation.kind === isolation);
    return STATES.map((state) => ({ labels: { isolation, state }, value: own.filter((record) => statusOf(record) === state).length }));
  });
}
