/** `docker ps -a` with many containers present. */
import { AbodeError } from '../../src/base/errors.ts';
import { byClients, createContainer, SLEEPS } from './containers.ts';
import { CONTAINERS, type LoadCase, timed } from './load-case.ts';

const CALLS = 20;

export function listCase(containers: number): LoadCase {
  return {
    name: 'list',
    title: `${String(CALLS)} lists with ${String(containers)} containers present`,
    columns: CONTAINERS,
    measures: [{ name: 'list', amount: { value: CALLS, unit: 'lists' } }],
    prepare: async (column, signal) => {
      const { client, label } = column;
      await byClients(4, containers, async () => void (await createContainer(column, SLEEPS, signal)));
      return async () => ({
        list: await timed(async () => {
          for (let call = 0; call < CALLS; call += 1) {
            const { length } = await client.list({ all: true, label, signal });
            if (length !== containers)
              throw new AbodeError('internal', `${String(length)} containers are listed, not ${String(containers)}`);
          }
        }),
      });
    },
  };
}
