/** Abode's own: the VMs that containers share. */
import Type from 'typebox';
import { invalid } from '../../base/errors.ts';
import type { Api, ApiContext } from '../context.ts';
import { omitUndefined } from '../omit-undefined.ts';
import { flag, Parameter } from '../query.ts';

const body = Type.Object({
  name: Type.Optional(Type.String()),
  cpus: Type.Optional(Type.Number({ exclusiveMinimum: 0 })),
  memory: Type.Optional(Type.Integer({ minimum: 1 })),
});

export function routeVms(api: Api, { engine }: ApiContext): void {
  const params = Type.Object({ name: Type.String() });
  api.get('/abode/vms', () => engine.listVms());
  api.post('/abode/vms', { schema: { body } }, async (request, reply) => {
    const { name = '', cpus, memory } = request.body;
    if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(name)) {
      throw invalid(`Invalid VM name (${name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed`);
    }
    reply.code(201);
    return engine.createVm(omitUndefined<Parameters<typeof engine.createVm>[0]>({ name, cpus, memory }));
  });
  api.get('/abode/vms/:name', { schema: { params } }, (request) => engine.getVm(request.params.name));
  api.delete('/abode/vms/:name', { schema: { params, querystring: Type.Object({ force: Parameter }) } }, async (request, reply) => {
    await engine.removeVm(request.params.name, { force: flag(request.query.force) });
    return reply.code(204).send();
  });
}
