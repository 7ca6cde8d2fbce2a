import { CONTENT_TYPE, writeExposition } from '../../metrics/exposition.ts';
import { readProcess, watchEventLoop } from '../../metrics/process.ts';
import type { Api, ApiContext } from '../context.ts';

export function routeMetrics(api: Api, { engine, requests, version }: ApiContext): void {
  watchEventLoop();
  api.get('/metrics', async (_request, reply) => {
    const [own, figures] = await Promise.all([readProcess(), engine.metrics(version)]);
    return reply.header('content-type', CONTENT_TYPE).send(writeExposition([...figures, ...requests.read(), ...own]));
  });
}
