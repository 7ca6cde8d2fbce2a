/** `docker ps --filter`. */
import { invalid } from '../base/errors.ts';
import type { ContainerRecord } from './record.ts';
import type { ListFilter } from './api.ts';
import { isRestarting } from './restart-policy.ts';
import { portFilter } from './port-filter.ts';

const KNOWN = [
  'ancestor',
  'before',
  'exited',
  'expose',
  'health',
  'id',
  'is-task',
  'isolation',
  'label',
  'name',
  'network',
  'publish',
  'since',
  'status',
  'volume',
];

/** Newest first. `find` resolves the container that `before` and `since` name; `ancestor` is told what image names an image has. */
export function filterContainers(
  records: readonly ContainerRecord[],
  query: ListFilter,
  find: (reference: string) => ContainerRecord,
  isImage: (record: ContainerRecord, name: string) => boolean,
): ContainerRecord[] {
  for (const key of Object.keys(query.filters)) if (!KNOWN.includes(key)) throw invalid(`invalid filter '${key}'`);
  const all =
    query.all || (query.limit ?? 0) > 0 || (query.filters['status'] ?? []).length > 0 || (query.filters['exited'] ?? []).length > 0;
  const checks = Object.entries(query.filters)
    .filter(([, values]) => values.length > 0)
    .map(([key, values]) => check(key, values, find, isImage));
  const matching = [...records]
    .reverse()
    .filter((record) => all || record.state.status === 'running' || isRestarting(record))
    .filter((record) => checks.every((matches) => matches(record)));
  return query.limit !== undefined && query.limit > 0 ? matching.slice(0, query.limit) : matching;
}

type Check = (record: ContainerRecord) => boolean;

function check(
  key: string,
  values: readonly string[],
  find: (reference: string) => ContainerRecord,
  isImage: (record: ContainerRecord, name: string) => boolean,
): Check {
  switch (key) {
    case 'id':
      return (record) => values.some((value) => record.id.startsWith(value));
    case 'name':
      return (record) => values.some((value) => nameMatches(record.name, value));
    case 'label':
      return (record) => values.every((value) => hasLabel(record, value));
    case 'status':
      for (const value of values) {
        if (!['created', 'restarting', 'running', 'removing', 'paused', 'exited', 'dead'].includes(value))
          throw invalid(`invalid filter 'status=${value}'`);
      }
      return (record) => values.includes(statusOf(record));
    case 'exited':
      return (record) => record.state.status === 'exited' && values.includes(String(record.state.exitCode));
    case 'ancestor':
      return (record) => values.some((value) => isImage(record, value));
    case 'before': {
      const limits = values.map((value) => find(value).createdAt);
      return (record) => limits.some((limit) => record.createdAt < limit);
    }
    case 'since': {
      const limits = values.map((value) => find(value).createdAt);
      return (record) => limits.some((limit) => record.createdAt > limit);
    }
    case 'network':
      return (record) => values.includes(record.network?.network ?? networkMode(record));
    case 'publish':
      return portFilter(key, values, ({ host }) => Object.keys(host.PortBindings ?? {}));
    case 'expose':
      return portFilter(key, values, ({ config }) => Object.keys(config.ExposedPorts ?? {}));
    case 'volume':
      return (record) => values.some((value) => hasMount(record, value));
    case 'health':
      for (const value of values) {
        if (!['none', 'starting', 'healthy', 'unhealthy'].includes(value)) throw invalid(`invalid filter 'health=${value}'`);
      }
      return (record) => values.includes(record.health?.status ?? 'none');
    case 'is-task':
      return () => values.some((value) => value === 'false' || value === '0');
    default:
      return () => false;
  }
}

/** By the volume's name, or by a path: the source's or the container's. */
function hasMount({ mounts }: ContainerRecord, wanted: string): boolean {
  return (mounts ?? []).some(
    (point) =>
      point.destination === wanted ||
      (point.type === 'volume' && point.name === wanted) ||
      (point.type === 'bind' && point.source === wanted),
  );
}

function networkMode(record: ContainerRecord): string {
  return record.host.NetworkMode === 'none' ? 'none' : 'bridge';
}

function nameMatches(name: string, pattern: string): boolean {
  try {
    const expression = new RegExp(pattern);
    return expression.test(name) || expression.test(`/${name}`);
  } catch {
    return name.includes(pattern);
  }
}

function hasLabel(record: ContainerRecord, wanted: string): boolean {
  const labels = record.config.Labels ?? {};
  const at = wanted.indexOf('=');
  return at < 0 ? wanted in labels : labels[wanted.slice(0, at)] === wanted.slice(at + 1);
}

export function statusOf(record: ContainerRecord): string {
  if (record.removing) return 'removing';
  if (isRestarting(record)) return 'restarting';
  return record.state.status === 'running' && record.state.paused ? 'paused' : record.state.status;
}
