/** The Docker Engine API as an application: HTTP on one side, the engine on the other, nothing in between. */
import { platform } from 'node:os';
import { fastify } from 'fastify';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { Api, ApiContext, ApiOptions } from './context.ts';
import { acceptBytes } from './body.ts';
import { answerErrors } from './errors.ts';
import { answerBrokenRequest } from './broken-request.ts';
import { RequestMetrics } from './metrics/request-metrics.ts';
import { registerRoutes } from './routes.ts';
import { OpenStreams } from './streams/open-streams.ts';
import { routeUpgrades, wantsUpgrade } from './streams/upgrade.ts';
import { rewriteUrl } from './url.ts';
import { compileValidator } from './validate.ts';
import { API_VERSION } from './version.ts';

/** A name of an image or a container, with room. */
const MAX_PARAMETER = 4096;

export function createApi(options: ApiOptions): Api {
  const context: ApiContext = { ...options, streams: new OpenStreams(), requests: new RequestMetrics() };
  const api: Api = fastify({
    logger: false,
    exposeHeadRoutes: false,
    // A stream may be silent for days, an upload may take hours; only a request's head has a deadline.
    requestTimeout: 0,
    keepAliveTimeout: 0,
    rewriteUrl,
    routerOptions: { maxParamLength: MAX_PARAMETER },
    clientErrorHandler: answerBrokenRequest,
    http: { headersTimeout: 60_000, shouldUpgradeCallback: wantsUpgrade },
  }).withTypeProvider<TypeBoxTypeProvider>();
  api.setValidatorCompiler(compileValidator);
  acceptBytes(api);
  answerErrors(api, options.log);
  const server = `Abode/${options.version} (${platform()})`;
  api.addHook('onRequest', (_request, reply, done) => {
    reply.headers({
      'Api-Version': API_VERSION,
      'Docker-Experimental': 'false',
      Ostype: 'linux',
      Server: server,
    });
    done();
  });
  // Docker's client reads an error's message only if the type is this to the letter, without a charset.
  api.addHook('onSend', (_request, reply, payload, done) => {
    if (reply.getHeader('content-type') === 'application/json; charset=utf-8') reply.header('content-type', 'application/json');
    done(null, payload);
  });
  context.requests.watch(api);
  routeUpgrades(api);
  registerRoutes(api, context);
  api.addHook('preClose', (done) => {
    context.streams.endAll();
    done();
  });
  return api;
}
