/** What only Abode answers, beside the Docker Engine API. */
import { AbodeError } from '../base/errors.ts';
import type { MemoryUse, SystemFacts } from '../engine/api.ts';
import type { VmRecord } from '../engine/record.ts';
import { arrayOf, numberOf, objectOf, stringOf } from './answers.ts';
import { DockerClient } from './client.ts';
import { EngineError } from './errors.ts';

type Signal = AbortSignal | undefined;

export interface ImageSizes {
  readonly layers: number; // bytes of files, unpacked
  readonly disk: number | undefined; // bytes of the disk that VMs share; undefined until one was made
}

export class AbodeClient extends DockerClient {
  async facts(signal?: Signal): Promise<SystemFacts> {
    const answer = await this.transport.call('GET', '/abode/facts', { signal }).catch((error: unknown) => {
      if (error instanceof EngineError && error.status === 404) {
        throw new AbodeError('invalid', `the engine at ${this.socket} is not Abode`, {
          hint: 'name its socket with --socket',
        });
      }
      throw error;
    });
    return objectOf(answer, 'facts') as unknown as SystemFacts;
  }

  async memory(id: string, signal?: Signal): Promise<MemoryUse> {
    const answer = objectOf(await this.transport.call('GET', `/abode/containers/${id}/memory`, { signal }), 'memory');
    return {
      own: numberOf(answer, 'own'),
      template: numberOf(answer, 'template'),
      pool: numberOf(answer, 'pool'),
    };
  }

  async imageSizes(id: string, signal?: Signal): Promise<ImageSizes> {
    const answer = objectOf(await this.transport.call('GET', `/abode/images/${id}/sizes`, { signal }), 'sizes');
    return {
      layers: numberOf(answer, 'layers'),
      disk: typeof answer['disk'] === 'number' ? answer['disk'] : undefined,
    };
  }

  async createVm(request: { name: string; cpus?: number; memory?: number }, signal?: Signal): Promise<VmRecord> {
    return vmOf(await this.transport.call('POST', '/abode/vms', { body: request, signal }));
  }

  async listVms(signal?: Signal): Promise<VmRecord[]> {
    return arrayOf(await this.transport.call('GET', '/abode/vms', { signal }), 'list of VMs').map(vmOf);
  }

  async getVm(name: string, signal?: Signal): Promise<VmRecord> {
    return vmOf(await this.transport.call('GET', `/abode/vms/${encodeURIComponent(name)}`, { signal }));
  }

  async removeVm(name: string, options: { force: boolean; signal?: Signal }): Promise<void> {
    const query: Record<string, string> = options.force ? { force: '1' } : {};
    await this.transport.call('DELETE', `/abode/vms/${encodeURIComponent(name)}`, {
      query,
      signal: options.signal,
    });
  }
}

/** Abode's own answer in Abode's own types: only its shape is looked at. */
function vmOf(value: unknown): VmRecord {
  const vm = objectOf(value, 'VM');
  stringOf(vm, 'name');
  numberOf(vm, 'cpus');
  numberOf(vm, 'memory');
  return vm as unknown as VmRecord;
}
