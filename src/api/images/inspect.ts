import type { ImageRecord } from '../../images/api.ts';
import type { Api, ApiContext } from '../context.ts';
import { NEVER } from '../containers/status.ts';
import { goArchitecture } from '../system/platform.ts';
import { apiMinor } from '../version.ts';
import { ImageParams } from './reference.ts';

export function routeImageInspect(api: Api, { images }: ApiContext): void {
  api.get('/images/:name/json', { schema: { params: ImageParams } }, (request) =>
    inspectImage(images.get(request.params.name), apiMinor(request.raw)),
  );
}

function inspectImage(image: ImageRecord, minor: number): object {
  return {
    Id: image.id,
    RepoTags: image.references,
    RepoDigests: image.digests,
    Parent: '',
    Comment: image.comment,
    Created: image.created,
    // Docker left these out in 1.45. docker-compose 1, which asks in the newest version that there is, cannot make a container anew without.
    Container: '',
    ContainerConfig: describeConfig({}),
    DockerVersion: '',
    Author: image.author,
    Config: describeConfig(image.config),
    Architecture: image.architecture === '' ? goArchitecture() : image.architecture,
    ...(image.variant !== '' && { Variant: image.variant }),
    Os: image.os === '' ? 'linux' : image.os,
    Size: image.size,
    ...(minor < 44 && { VirtualSize: image.size }),
    GraphDriver: { Data: {}, Name: 'overlay2' },
    RootFS: { Type: 'layers', Layers: image.diffIds },
    Metadata: { LastTagTime: NEVER },
  };
}

function describeConfig(config: ImageRecord['config']): object {
  return {
    Hostname: '',
    Domainname: '',
    User: config.User ?? '',
    AttachStdin: false,
    AttachStdout: false,
    AttachStderr: false,
    ...(config.ExposedPorts && { ExposedPorts: config.ExposedPorts }),
    Tty: false,
    OpenStdin: false,
    StdinOnce: false,
    Env: config.Env ?? [],
    Cmd: config.Cmd ?? null,
    Image: '',
    Volumes: config.Volumes ?? null,
    WorkingDir: config.WorkingDir ?? '',
    Entrypoint: config.Entrypoint ?? null,
    OnBuild: config.OnBuild ?? null,
    Labels: config.Labels ?? null,
    ...(config.StopSignal !== undefined && { StopSignal: config.StopSignal }),
    ...(config.StopTimeout !== undefined && { StopTimeout: config.StopTimeout }),
    ...(config.Healthcheck && { Healthcheck: config.Healthcheck }),
    ...(config.Shell && { Shell: config.Shell }),
  };
}
