/** Containers created, started and removed by several clients at once. */
import { byClients, startContainer, SLEEPS } from './containers.ts';
import { type LoadCase, timed } from './load-case.ts';

const CLIENTS = 8;

export function churnCase(name: string, what: string, own: string, count: number): LoadCase {
  return {
    name,
    title: `${String(count)} ${what} created, started and removed by ${String(CLIENTS)} clients`,
    columns: ['dockerd', own],
    measures: [{ name: 'churn', amount: { value: count, unit: what } }],
    prepare: async (column, signal) => {
      const one = async (): Promise<void> => {
        const id = await startContainer(column, SLEEPS, signal);
        await column.client.remove(id, { force: true, signal });
      };
      // The first one of an engine makes its bridge, a VM's its template.
      await one();
      return async () => ({ churn: await timed(() => byClients(CLIENTS, count, one)) });
    },
  };
}
