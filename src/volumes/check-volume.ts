/** What Docker's local driver refuses about a new volume. */
import { AbodeError, invalid, notFound } from '../base/errors.ts';
import type { NewVolume } from './volume-record.ts';

const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/;
/** A directory's name has no more bytes. */
const MAX_NAME = 255;

export function checkVolume({ name, driver, options }: NewVolume): void {
  if (driver !== '' && driver !== 'local')
    throw notFound(`create ${name}: error looking up volume plugin ${driver}: plugin "${driver}" not found`);
  if (name.length === 1) throw invalid(`create ${name}: volume name is too short, names should be at least two alphanumeric characters`);
  if (!NAME.test(name)) {
    throw invalid(
      `create ${name}: ${JSON.stringify(name)} includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute path`,
    );
  }
  if (name.length > MAX_NAME)
    throw invalid(`create ${name}: volume name is too long, names should have at most ${String(MAX_NAME)} characters`);
  checkOptions(name, options ?? {});
}

function checkOptions(name: string, options: Readonly<Record<string, string>>): void {
  const unknown = Object.keys(options).find((option) => !['type', 'o', 'device', 'size'].includes(option));
  if (unknown !== undefined) throw invalid(`create ${name}: invalid option: ${JSON.stringify(unknown)}`);
  if (options['size'] !== undefined)
    throw invalid(`create ${name}: quota size requested but no quota support: limit the file system that volumes are on instead`);
  const given = Object.keys(options).length > 0;
  for (const required of ['device', 'type'])
    if (given && (options[required] ?? '') === '') throw invalid(`create ${name}: missing required option: ${JSON.stringify(required)}`);
  if (given)
    throw new AbodeError(
      'not-implemented',
      `create ${name}: mounting a device or file system as a volume (driver options) is not available in this version`,
    );
}
