/** `docker cp`: what is at a path, the tar of it, and a tar unpacked there. */
import Type from 'typebox';
import { invalid } from '../../base/errors.ts';
import type { PathStat } from '../../engine/api.ts';
import { discardBody } from '../body.ts';
import type { Api, ApiContext } from '../context.ts';
import { first, flag, Parameter } from '../query.ts';
import { ContainerParams } from './reference.ts';

const STAT_HEADER = 'X-Docker-Container-Path-Stat';

export function routeArchive(api: Api, { engine }: ApiContext): void {
  const schema = { params: ContainerParams, querystring: Type.Object({ path: Parameter }) };
  api.head('/containers/:id/archive', { schema }, async (request, reply) => {
    const stat = await engine.statPath(request.params.id, readPath(request.query.path));
    return reply.header(STAT_HEADER, encodeStat(stat)).send();
  });
  api.get('/containers/:id/archive', { schema }, async (request, reply) => {
    const { stat, content } = await engine.getArchive(request.params.id, readPath(request.query.path));
    return reply.header(STAT_HEADER, encodeStat(stat)).type('application/x-tar').send(content);
  });
  const querystring = Type.Object({ path: Parameter, noOverwriteDirNonDir: Parameter, copyUIDGID: Parameter });
  api.put('/containers/:id/archive', { schema: { params: ContainerParams, querystring } }, async (request, reply) => {
    const { path, noOverwriteDirNonDir, copyUIDGID } = request.query;
    try {
      const options = { noOverwriteDirNonDir: flag(noOverwriteDirNonDir), copyUidGid: flag(copyUIDGID) };
      await engine.putArchive(request.params.id, readPath(path), request.raw, options);
    } finally {
      discardBody(request.raw);
    }
    return reply.send();
  });
}

function readPath(parameter: Parameter): string {
  const path = first(parameter) ?? '';
  if (path === '') throw invalid('bad parameter: pathcannot be empty');
  return path;
}

function encodeStat(stat: PathStat): string {
  const { name, size, mode, mtime, linkTarget } = stat;
  return Buffer.from(JSON.stringify({ name, size, mode, mtime, linkTarget })).toString('base64');
}
