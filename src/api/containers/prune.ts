import Type from 'typebox';
import { AbodeError } from '../../base/errors.ts';
import type { ContainerRecord } from '../../engine/record.ts';
import type { Api, ApiContext } from '../context.ts';
import { parseMoment } from '../duration.ts';
import { type Filters, parseFilters } from '../filters.ts';
import { Parameter } from '../query.ts';

export function routePrune(api: Api, { engine }: ApiContext): void {
  api.post('/containers/prune', { schema: { querystring: Type.Object({ filters: Parameter }) } }, async (request) => {
    const filters = parseFilters(request.query.filters, ['label', 'label!', 'until']);
    const labels = filters['label'];
    const listed = engine.list({
      all: true,
      filters: labels === undefined ? {} : { label: labels },
    });
    const chosen = choosePrunable(listed, filters, Date.now());
    const sizes = await engine.sizes(chosen);
    const pruned: string[] = [];
    for (const { id } of chosen) {
      if (await removeStopped(id)) pruned.push(id);
    }
    const reclaimed = pruned.reduce((sum, id) => sum + (sizes.get(id)?.rw ?? 0), 0);
    engine.announce({ type: 'container', action: 'prune', id: '', attributes: { reclaimed: String(reclaimed) } });
    return { ContainersDeleted: pruned.length === 0 ? null : pruned, SpaceReclaimed: reclaimed };
  });

  /** False when it was started or removed meanwhile: then there is nothing to prune. */
  async function removeStopped(id: string): Promise<boolean> {
    try {
      await engine.remove(id, { force: false, volumes: false });
      return true;
    } catch (error) {
      if (error instanceof AbodeError && (error.code === 'conflict' || error.code === 'not-found')) return false;
      throw error;
    }
  }
}

function choosePrunable(records: readonly ContainerRecord[], filters: Filters, now: number): ContainerRecord[] {
  const until = filters['until']?.map((text) => parseMoment(text, now)) ?? [];
  const unlabelled = filters['label!'] ?? [];
  return records.filter(
    (record) =>
      record.state.status !== 'running' &&
      !record.removing &&
      until.every((moment) => Date.parse(record.createdAt) < moment) &&
      !unlabelled.some((label) => hasLabel(record, label)),
  );
}

function hasLabel({ config }: ContainerRecord, label: string): boolean {
  const [key = '', ...value] = label.split('=');
  const found = config.Labels?.[key];
  return found !== undefined && (value.length === 0 || found === value.join('='));
}
