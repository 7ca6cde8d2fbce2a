import Type from 'typebox';
import { invalid } from '../../base/errors.ts';
import type { CreateRequest } from '../../engine/api.ts';
import { parseMac } from '../../engine/mac-address.ts';
import type { ContainerConfig, HostConfig } from '../../engine/record.ts';
import { emptyBody } from '../body.ts';
import type { Api, ApiContext } from '../context.ts';
import { omitUndefined } from '../omit-undefined.ts';
import { first, Parameter } from '../query.ts';
import { checkCreate, checkName } from './create-checks.ts';
import { CONFIG_FIELDS, type CreateBody, createSchema, HOST_FIELDS } from './create-schema.ts';
import { refuseUnread } from './create-unread.ts';

export function routeCreate(api: Api, { engine }: ApiContext): void {
  const schema = {
    querystring: Type.Object({ name: Parameter, platform: Parameter }),
    body: createSchema,
  };
  api.post('/containers/create', { schema, preValidation: [requireBody] }, async (request, reply) => {
    const name = first(request.query.name);
    if (name !== undefined) checkName(name);
    // The schema has checked it.
    const body = request.body as CreateBody;
    const create = readCreate(body, name);
    checkCreate(create);
    refuseUnread(body);
    const { id, warnings } = await engine.create(create);
    reply.code(201);
    return { Id: id, Warnings: warnings };
  });
}

async function requireBody(request: { body?: unknown }): Promise<void> {
  if (request.body === undefined) throw emptyBody();
}

function readCreate(body: CreateBody, name: string | undefined): CreateRequest {
  if (!CONFIG_FIELDS.some((field) => body[field] !== undefined)) throw invalid('config cannot be empty in order to create a container');
  const config = pick<ContainerConfig>(body, CONFIG_FIELDS);
  const host = pick<HostConfig>(body.HostConfig ?? {}, HOST_FIELDS);
  return omitUndefined<CreateRequest>({
    name: name?.replace(/^\//, ''),
    config: omitUndefined<ContainerConfig>({
      ...config,
      Image: body.Image ?? '',
      Cmd: toList(body.Cmd),
      Entrypoint: toList(body.Entrypoint),
      MacAddress: macAddress(body),
    }),
    host: omitUndefined<HostConfig>({
      ...host,
      CapAdd: toList(host.CapAdd),
      CapDrop: toList(host.CapDrop),
      NetworkMode: networkMode(body, host),
    }),
  });
}

/** The known fields that are neither missing nor null. */
function pick<T extends object>(from: object, fields: ReadonlyArray<keyof T & string>): T {
  const known = fields.map((field): [string, unknown] => [field, Reflect.get(from, field)]);
  return Object.fromEntries(known.filter(([, value]) => value !== undefined && value !== null)) as T;
}

function toList(value: string | readonly string[] | null | undefined): readonly string[] | undefined {
  if (value === undefined || value === null) return undefined;
  return typeof value === 'string' ? [value] : value;
}

/** Old clients name the network only among the endpoints. */
function networkMode(body: CreateBody, host: HostConfig): string | undefined {
  if (host.NetworkMode !== undefined && host.NetworkMode !== '') return host.NetworkMode;
  return Object.keys(body.NetworkingConfig?.EndpointsConfig ?? {})[0];
}

/** Newer clients say it of the endpoint, older ones of the container. */
function macAddress(body: CreateBody): string | undefined {
  const own = parseMac(body.MacAddress ?? undefined);
  const [endpoint] = Object.values(body.NetworkingConfig?.EndpointsConfig ?? {}).flatMap((fields) => {
    const mac = fields?.['MacAddress'];
    return typeof mac === 'string' && mac !== '' ? [parseMac(mac)] : [];
  });
  if (own !== undefined && endpoint !== undefined && own !== endpoint)
    throw invalid(
      'conflicting MAC address: the container-wide MAC address must match the endpoint-specific MAC address for the main network',
    );
  return own ?? endpoint;
}
