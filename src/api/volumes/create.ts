import Type from 'typebox';
import { emptyBody } from '../body.ts';
import type { Api, ApiContext } from '../context.ts';
import { notAvailable } from '../unsupported.ts';
import { describeVolume } from './describe.ts';

const optional = <T extends Type.TSchema>(schema: T): Type.TOptional<Type.TUnion<[T, Type.TNull]>> =>
  Type.Optional(Type.Union([schema, Type.Null()]));
const pairs = Type.Record(Type.String(), Type.String());

export function routeVolumeCreate(api: Api, { engine }: ApiContext): void {
  const body = Type.Object({
    Name: optional(Type.String()),
    Driver: optional(Type.String()),
    DriverOpts: optional(pairs),
    Labels: optional(pairs),
    ClusterVolumeSpec: optional(Type.Object({})),
  });
  api.post('/volumes/create', { schema: { body }, preValidation: [requireBody] }, async (request, reply) => {
    const { Name: name, Driver: driver, DriverOpts: options, Labels: labels, ClusterVolumeSpec: cluster } = request.body;
    if (cluster !== undefined && cluster !== null) throw notAvailable('a cluster volume (ClusterVolumeSpec)');
    const volume = await engine.volumes.create({
      name: name ?? '',
      driver: driver ?? '',
      options: options ?? null,
      labels: labels ?? null,
    });
    reply.code(201);
    return describeVolume(volume);
  });
}

async function requireBody(request: { body?: unknown }): Promise<void> {
  if (request.body === undefined) throw emptyBody();
}
