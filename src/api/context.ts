/** What every route gets, and the type of the application that it registers itself on. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { FastifyBaseLogger, FastifyInstance, FastifyReply, FastifyRequest, RawServerDefault } from 'fastify';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { Log } from '../base/log.ts';
import type { Config } from '../config/config.ts';
import type { ContainerEngine } from '../engine/api.ts';
import type { Images } from '../images/api.ts';
import type { RequestMetrics } from './metrics/request-metrics.ts';
import type { OpenStreams } from './streams/open-streams.ts';

export type Api = FastifyInstance<RawServerDefault, IncomingMessage, ServerResponse, FastifyBaseLogger, TypeBoxTypeProvider>;

/** Request and reply as helpers see them, whatever schema the route has. */
export type AnyRequest = Pick<FastifyRequest, 'raw' | 'headers' | 'method' | 'url'>;
export type AnyReply = Pick<FastifyReply, 'raw' | 'hijack' | 'getHeaders'>;

/** A part of the engine with a version of its own (`crun`, `QEMU`), for `docker version`. */
export interface Component {
  readonly name: string;
  readonly version: string;
  readonly details?: Readonly<Record<string, string>>;
}

export interface ApiOptions {
  readonly engine: ContainerEngine;
  readonly images: Images;
  readonly config: Config;
  readonly log: Log;
  /** Abode's own version. */
  readonly version: string;
  readonly components?: readonly Component[];
}

export interface ApiContext extends ApiOptions {
  readonly streams: OpenStreams;
  readonly requests: RequestMetrics;
}
