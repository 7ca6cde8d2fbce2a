/** Where a container runs, by its isolation: the one place that knows all kinds of sandboxes. */
import type { FileAccess } from './file-access.ts';
import { mountedFiles, restingFiles } from './host/host-file-access.ts';
import { HostSandbox, type HostOptions } from './host/host-sandbox.ts';
import { diskUsage, restingUsage, runningUsage, sharedUsage } from './layer-usage.ts';
import type { ContainerSpec, Sandbox } from './sandbox.ts';
import { HybridSandbox } from './vm/hybrid-sandbox.ts';
import { openRestingVm } from './vm/resting-vm.ts';
import type { SharedVms } from './vm/shared-vms.ts';
import type { VmHost } from './vm/vm-host.ts';
import { VmSandbox } from './vm/vm-sandbox.ts';

export type SandboxKind =
  | { readonly kind: 'container'; readonly runtime: string }
  | { readonly kind: 'vm'; readonly boot: 'template' | 'cold' }
  | { readonly kind: 'hybrid'; readonly vm: string };

export class Sandboxes {
  readonly #host: HostOptions;
  readonly #vms: VmHost;
  readonly #shared: SharedVms;

  constructor(host: HostOptions, vms: VmHost, shared: SharedVms) {
    this.#host = host;
    this.#vms = vms;
    this.#shared = shared;
  }

  prepare(kind: SandboxKind, spec: ContainerSpec): Promise<Sandbox> {
    switch (kind.kind) {
      case 'container':
        return HostSandbox.prepare(this.#host, kind.runtime, spec);
      case 'vm':
        return VmSandbox.prepare(this.#vms, kind.boot, spec);
      case 'hybrid':
        return HybridSandbox.prepare(this.#shared, kind.vm, spec);
    }
  }

  /** The sandbox that a former daemon prepared; undefined when it is gone. */
  adopt(kind: SandboxKind, spec: ContainerSpec): Promise<Sandbox | undefined> {
    switch (kind.kind) {
      case 'container':
        return HostSandbox.adopt(this.#host, kind.runtime, spec);
      case 'vm':
        return VmSandbox.adopt(spec);
      case 'hybrid':
        return HybridSandbox.adopt(this.#shared, kind.vm, spec);
    }
  }

  /** The files of a container that does not run, and that the caller keeps from starting meanwhile. */
  openFiles(kind: SandboxKind, spec: ContainerSpec): Promise<FileAccess> {
    switch (kind.kind) {
      case 'container':
        return restingFiles(this.#host.agentPath, spec);
      case 'vm':
        return openRestingVm(this.#vms, spec);
      case 'hybrid':
        return HybridSandbox.openFiles(this.#shared, kind.vm, spec);
    }
  }

  /** Only what the container has mounted of the host. */
  openMounts(spec: ContainerSpec): Promise<FileAccess> {
    return mountedFiles(this.#host.agentPath, spec);
  }

  /** Bytes in the writable layer of a container; undefined where nobody can tell now. `running` is its sandbox, where it answers. */
  async usage(kind: SandboxKind, spec: ContainerSpec, running: Sandbox | undefined): Promise<number | undefined> {
    switch (kind.kind) {
      case 'container':
        return running === undefined ? restingUsage(spec) : runningUsage(running);
      case 'vm':
        return running === undefined ? diskUsage(spec, await this.#vms.emptyDataDisks()) : runningUsage(running);
      case 'hybrid':
        return sharedUsage(this.#shared, kind.vm, spec.id);
    }
  }

  /** Removes what a container whose sandbox is gone left on the host. */
  async sweep(kind: SandboxKind, spec: Pick<ContainerSpec, 'id' | 'runDir'>): Promise<void> {
    switch (kind.kind) {
      case 'container':
        await HostSandbox.sweep(this.#host, spec);
        return;
      case 'vm':
        await VmSandbox.sweep(spec);
        return;
      case 'hybrid':
        await HybridSandbox.sweep(this.#shared, kind.vm, spec);
    }
  }

  /** What is left of a container that is removed for good, beyond its own directories. */
  async forget(kind: SandboxKind, id: string): Promise<void> {
    if (kind.kind === 'hybrid') await this.#shared.forget(kind.vm, id);
  }
}
