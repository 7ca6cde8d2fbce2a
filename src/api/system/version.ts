import type { Api, ApiContext } from '../context.ts';
import { API_VERSION, MIN_API_VERSION } from '../version.ts';
import { goArchitecture } from './platform.ts';

export function routeVersion(api: Api, { engine, version, components }: ApiContext): void {
  api.get('/version', async () => {
    const { kernel } = await engine.facts();
    const details = {
      ApiVersion: API_VERSION,
      Arch: goArchitecture(),
      BuildTime: '',
      Experimental: 'false',
      GitCommit: '',
      GoVersion: '',
      KernelVersion: kernel,
      MinAPIVersion: MIN_API_VERSION,
      NodeVersion: process.version,
      Os: 'linux',
    };
    return {
      Platform: { Name: 'Abode' },
      Components: [
        { Name: 'Engine', Version: version, Details: details },
        ...(components ?? []).map((component) => ({
          Name: component.name,
          Version: component.version,
          Details: { ...component.details },
        })),
      ],
      Version: version,
      ApiVersion: API_VERSION,
      MinAPIVersion: MIN_API_VERSION,
      GitCommit: '',
      GoVersion: '',
      Os: 'linux',
      Arch: goArchitecture(),
      KernelVersion: kernel,
      BuildTime: '',
    };
  });
}
