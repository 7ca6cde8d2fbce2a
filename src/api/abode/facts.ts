import type { Api, ApiContext } from '../context.ts';

export function routeFacts(api: Api, { engine }: ApiContext): void {
  api.get('/abode/facts', () => engine.facts());
}
