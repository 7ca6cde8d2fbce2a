/** `docker ps --filter publish=…` and `expose=…`: by the container's port. */
import { invalid } from '../base/errors.ts';
import { parseRange, portKey } from './port-number.ts';
import type { ContainerRecord } from './record.ts';

export function portFilter(
  key: string,
  values: readonly string[],
  portsOf: (record: ContainerRecord) => readonly string[],
): (record: ContainerRecord) => boolean {
  const wanted = new Set(values.flatMap((value) => parseValue(key, value)));
  return (record) => portsOf(record).some((port) => wanted.has(port.includes('/') ? port : `${port}/tcp`));
}

function parseValue(key: string, value: string): string[] {
  if (value.includes(':')) throw invalid(`filter for '${key}' should not contain ':': ${value}`);
  const [ports = '', protocol = 'tcp'] = value.split('/');
  const range = parseRange(ports);
  if (range === undefined) throw invalid(`error while looking up for ${key} ${value}: empty string specified for ports.`);
  return Array.from({ length: range.last - range.first + 1 }, (_, index) => portKey(range.first + index, protocol.toLowerCase()));
}
