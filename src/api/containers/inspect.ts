import Type from 'typebox';
import type { ContainerRecord } from '../../engine/record.ts';
import type { Config } from '../../config/config.ts';
import type { Api, ApiContext } from '../context.ts';
import { flag, Parameter } from '../query.ts';
import type { Volumes } from '../../engine/api.ts';
import { describeHostConfig } from './host-config.ts';
import { describeMounts } from './mounts.ts';
import { describeNetworkSettings } from './network-settings.ts';
import { ContainerParams } from './reference.ts';
import { describeState } from './status.ts';

export function routeInspect(api: Api, { engine, config }: ApiContext): void {
  const schema = { params: ContainerParams, querystring: Type.Object({ size: Parameter }) };
  api.get('/containers/:id/json', { schema }, async (request) => {
    const size = flag(request.query.size) ? await engine.size(request.params.id) : undefined;
    const described = inspectContainer(engine.get(request.params.id), config, engine.volumes);
    return size === undefined ? described : { ...described, SizeRw: size.rw, SizeRootFs: size.rootFs };
  });
}

function inspectContainer(record: ContainerRecord, config: Config, volumes: Volumes): object {
  return {
    Id: record.id,
    Created: record.createdAt,
    Path: record.command[0] ?? '',
    Args: record.command.slice(1),
    State: describeState(record),
    Image: record.imageId,
    ResolvConfPath: '',
    HostnamePath: '',
    HostsPath: '',
    LogPath: '',
    Name: `/${record.name}`,
    RestartCount: record.restartCount,
    Driver: 'overlay2',
    Platform: 'linux',
    MountLabel: '',
    ProcessLabel: '',
    AppArmorProfile: '',
    ExecIDs: null,
    HostConfig: describeHostConfig(record),
    GraphDriver: { Data: {}, Name: 'overlay2' },
    Mounts: describeMounts(record, volumes),
    Config: describeConfig(record),
    NetworkSettings: describeNetworkSettings(record, config),
  };
}

function describeConfig({ config, imageReference }: ContainerRecord): object {
  return {
    Hostname: config.Hostname ?? '',
    Domainname: config.Domainname ?? '',
    User: config.User ?? '',
    AttachStdin: config.AttachStdin ?? false,
    AttachStdout: config.AttachStdout ?? false,
    AttachStderr: config.AttachStderr ?? false,
    Tty: config.Tty ?? false,
    OpenStdin: config.OpenStdin ?? false,
    StdinOnce: config.StdinOnce ?? false,
    ...(Object.keys(config.ExposedPorts ?? {}).length > 0 && { ExposedPorts: config.ExposedPorts }),
    Env: config.Env ?? [],
    Cmd: config.Cmd ?? null,
    Image: imageReference,
    Volumes: config.Volumes ?? null,
    WorkingDir: config.WorkingDir ?? '',
    Entrypoint: config.Entrypoint ?? null,
    OnBuild: config.OnBuild ?? null,
    ...(config.NetworkDisabled === true && { NetworkDisabled: true }),
    ...(config.ArgsEscaped === true && { ArgsEscaped: true }),
    ...(config.Shell && { Shell: config.Shell }),
    ...(config.Healthcheck && { Healthcheck: config.Healthcheck }),
    ...(config.MacAddress !== undefined && { MacAddress: config.MacAddress }),
    Labels: config.Labels ?? {},
    ...(config.StopSignal !== undefined && config.StopSignal !== '' && { StopSignal: config.StopSignal }),
    ...(config.StopTimeout !== undefined && config.StopTimeout !== null && { StopTimeout: config.StopTimeout }),
  };
}
