/** From a create request and an image to a container's record: a pure function. */
import { invalid } from '../base/errors.ts';
import type { ImageConfig, ImageRecord } from '../images/api.ts';
import { checkCapabilities } from '../sandbox/capabilities.ts';
import type { CreateRequest } from './api.ts';
import { mergeHealth } from './health/health-state.ts';
import { parseIsolation } from './isolation.ts';
import { exposedPorts } from './port-requests.ts';
import type { ContainerConfig, ContainerRecord } from './record.ts';
import { sharedHostname } from './share-with.ts';

const DEFAULT_PATH = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

export function composeRecord(request: CreateRequest, image: ImageRecord, id: string, name: string, createdAt: string): ContainerRecord {
  const config = mergeConfig(request, image.config, sharedHostname(request.host) ?? id.slice(0, 12));
  const command = [...(config.Entrypoint ?? []), ...(config.Cmd ?? [])];
  if (command.length === 0) throw invalid('no command specified');
  const isolation = parseIsolation(request.host.Runtime);
  checkCapabilities({ add: request.host.CapAdd ?? [], drop: request.host.CapDrop ?? [] });
  return {
    id,
    name,
    createdAt,
    imageId: image.id,
    imageReference: request.config.Image,
    isolation,
    config,
    host: request.host,
    command,
    state: { status: 'created' },
    restartCount: 0,
    proc: 0,
    stopRequested: false,
    removing: false,
  };
}

/** As Docker has it: an entrypoint of the request makes the image's command void; [''] is none, and so is [], which keeps the command. */
function mergeConfig({ config, host }: CreateRequest, image: ImageConfig, hostname: string): ContainerConfig {
  const given = config.Entrypoint ?? image.Entrypoint ?? [];
  const entrypoint = given.length === 1 && given[0] === '' ? [] : given;
  const hasEntrypoint = (config.Entrypoint ?? []).length > 0;
  const hasCommand = (config.Cmd ?? []).length > 0;
  const command = hasCommand ? (config.Cmd ?? []) : hasEntrypoint ? [] : (image.Cmd ?? []);
  const labels = { ...image.Labels, ...config.Labels };
  const { StopSignal: _given, Healthcheck: _check, Volumes: _volumes, ...rest } = config;
  const stopSignal = config.StopSignal || image.StopSignal || undefined;
  const health = mergeHealth(config.Healthcheck, image.Healthcheck);
  const stopTimeout = config.StopTimeout ?? image.StopTimeout;
  const shell = (config.Shell ?? []).length > 0 ? config.Shell : image.Shell;
  return {
    ...rest,
    Hostname: config.Hostname === undefined || config.Hostname === '' ? hostname : config.Hostname,
    User: config.User === undefined || config.User === '' ? (image.User ?? '') : config.User,
    WorkingDir: config.WorkingDir === undefined || config.WorkingDir === '' ? (image.WorkingDir ?? '') : config.WorkingDir,
    Env: mergeEnvironment(config.Env ?? [], image.Env ?? []),
    ExposedPorts: exposedPorts(config, host, image),
    Entrypoint: entrypoint.length > 0 ? entrypoint : null,
    Cmd: command.length > 0 ? command : null,
    Labels: labels,
    ...volumesOf(config, image),
    ...(stopSignal === undefined ? {} : { StopSignal: stopSignal }),
    ...(health === undefined ? {} : { Healthcheck: health }),
    ...(stopTimeout === undefined ? {} : { StopTimeout: stopTimeout }),
    ...(shell === undefined ? {} : { Shell: shell }),
  };
}

function volumesOf(config: ContainerConfig, image: ImageConfig): Pick<ContainerConfig, 'Volumes'> {
  const volumes = { ...image.Volumes, ...config.Volumes };
  return Object.keys(volumes).length === 0 ? {} : { Volumes: volumes };
}

export function mergeEnvironment(own: readonly string[], image: readonly string[]): string[] {
  const key = (entry: string): string => entry.split('=', 1)[0] ?? '';
  const set = new Set(own.map(key));
  const merged = [...own.filter((entry) => entry.includes('=')), ...image.filter((entry) => !set.has(key(entry)))];
  return merged.some((entry) => key(entry) === 'PATH') || set.has('PATH') ? merged : [...merged, DEFAULT_PATH];
}
