/** What a start adds to a container's spec for those whom it shares with. */
import { hostname } from 'node:os';
import { join } from 'node:path';
import { invalid, notFound } from '../base/errors.ts';
import type { ContainerSpec } from '../sandbox/sandbox.ts';
import type { ContainerPaths } from './container-paths.ts';
import { parseMode, parseNetworkMode } from './create/modes.ts';
import { type FindContainer, networkDonor, resolveSharing } from './resolve-sharing.ts';
import type { ContainerRecord } from './record.ts';

export function shareWith(
  record: ContainerRecord,
  spec: ContainerSpec,
  find: FindContainer,
  paths: (id: string) => ContainerPaths,
): ContainerSpec {
  refuseDeviceRequests(record);
  const sharing = resolveSharing(record, find, (id) => paths(id).runDir);
  const donor = networkDonor(record, find);
  return {
    ...spec,
    ...(sharing === undefined ? {} : { sharing }),
    // One network, one view of it: names and resolver are the other container's.
    ...(donor === undefined
      ? {}
      : {
          hostname: donor.config.Hostname ?? '',
          domainname: donor.config.Domainname ?? '',
          files: spec.files.map((file) =>
            file.source.startsWith(paths(record.id).rootDir)
              ? { ...file, source: join(paths(donor.id).rootDir, file.source.slice(paths(record.id).rootDir.length)) }
              : file,
          ),
        }),
  };
}

/** `--gpus` and the like are carried out by drivers, of which there are none. */
function refuseDeviceRequests({ host }: ContainerRecord): void {
  const [request] = host.DeviceRequests ?? [];
  if (request === undefined) return;
  const capabilities = (request.Capabilities ?? []).map((set) => `[${set.join(' ')}]`).join(' ');
  throw invalid(`could not select device driver ${JSON.stringify(request.Driver ?? '')} with capabilities: [${capabilities}]`);
}

/** Whether the container is given an address on the default bridge. */
export function usesBridge({ host, config }: ContainerRecord): boolean {
  if (config.NetworkDisabled === true) return false;
  const mode = parseNetworkMode(host.NetworkMode);
  if (mode.kind === 'named' && mode.name !== 'none') throw notFound(`network ${mode.name} not found`);
  return mode.kind === 'own';
}

/** The name that a container has where it was given none; undefined: one of its own. */
export function sharedHostname({ NetworkMode, UTSMode }: ContainerRecord['host']): string | undefined {
  const network = parseNetworkMode(NetworkMode);
  if (network.kind === 'host' || parseMode(UTSMode).kind === 'host') return hostname();
  return network.kind === 'container' ? '' : undefined;
}
