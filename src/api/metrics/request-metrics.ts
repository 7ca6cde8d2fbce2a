/** Requests to the API, by route: a path would be a series for each container. */
import { Counter } from '../../metrics/counter.ts';
import { type Family, gauge, single } from '../../metrics/family.ts';
import { Histogram } from '../../metrics/histogram.ts';
import type { Api } from '../context.ts';

const BOUNDS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

export class RequestMetrics {
  readonly #requests = new Counter('abode_api_requests_total', 'Requests to the API that were answered, by method, route and status.');
  readonly #durations = new Histogram(
    'abode_api_request_duration_seconds',
    'Time until the end of the answer, of requests to the API by method; streams last as long as somebody listens.',
    BOUNDS,
  );
  #underWay = 0;

  watch(api: Api): void {
    api.addHook('onRequest', (_request, reply, done) => {
      this.#underWay += 1;
      // A client that leaves early has no answer's end.
      reply.raw.once('close', () => {
        this.#underWay -= 1;
      });
      done();
    });
    api.addHook('onResponse', (request, reply, done) => {
      const { method } = request;
      this.#requests.add({ method, route: request.routeOptions.url ?? 'none', code: String(reply.statusCode) });
      this.#durations.observe({ method }, reply.elapsedTime / 1000);
      done();
    });
  }

  read(): Family[] {
    return [
      this.#requests.read(),
      this.#durations.read(),
      gauge('abode_api_requests_in_flight', 'Requests to the API that are not answered yet, this one among them.', single(this.#underWay)),
    ];
  }
}
