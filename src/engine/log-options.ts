/** `--log-driver` and `--log-opt`: what Docker's json-file, local and none understand. */
import { hostname } from 'node:os';
import { AbodeError, invalid } from '../base/errors.ts';
import type { LogTarget } from '../sandbox/sandbox.ts';
import { parseTemplate } from './log-tag.ts';
import type { ContainerRecord, HostConfig } from './record.ts';

type Options = Readonly<Record<string, string>>;

const DEFAULT_DRIVER = 'json-file';
const OPTIONS: Readonly<Record<string, readonly string[]>> = {
  'json-file': ['max-file', 'max-size', 'compress', 'labels', 'labels-regex', 'env', 'env-regex', 'tag'],
  local: ['max-file', 'max-size', 'compress'],
};
/** What every driver understands. */
const COMMON = ['mode', 'max-buffer-size'];
/** Docker's other drivers hand lines to services, which is not Abode's to do. */
const ELSEWHERE = ['awslogs', 'etwlogs', 'fluentd', 'gcplogs', 'gelf', 'journald', 'logentries', 'splunk', 'syslog'];
/** Of a driver whose files are nobody's to read: as large as Docker lets them grow. */
const LOCAL = { 'max-size': '20m', 'max-file': '5' };

/** The attributes go into every line. */
const MAX_ATTRIBUTES = 16_384;

export function logDriver(host: HostConfig): string {
  return host.LogConfig?.Type || DEFAULT_DRIVER;
}

export function checkLogConfig(host: HostConfig): void {
  const driver = logDriver(host);
  if (ELSEWHERE.includes(driver))
    throw invalid(`logger: the log driver '${driver}' is not available: Abode keeps logs itself (json-file, local) or not at all (none)`);
  if (driver !== 'none' && OPTIONS[driver] === undefined)
    throw invalid(`error looking up logging plugin ${driver}: plugin "${driver}" not found`);
  const options: Options = host.LogConfig?.Config ?? {};
  checkMode(options);
  if (driver === 'none') return;
  for (const name of Object.keys(options)) {
    if (COMMON.includes(name) || OPTIONS[driver]?.includes(name) === true) continue;
    throw invalid(
      driver === 'local' ? `unknown log opt '${name}' for log driver local` : `unknown log opt '${name}' for ${driver} log driver`,
    );
  }
  try {
    rotation(driver, options);
    patterns(options);
    if (options['tag'] !== undefined) parseTemplate(options['tag']);
  } catch (error) {
    if (!(error instanceof AbodeError)) throw error;
    throw invalid(`failed to initialize logging driver: ${error.message}`);
  }
}

function checkMode(options: Options): void {
  const mode = options['mode'] ?? '';
  if (!['', 'blocking', 'non-blocking'].includes(mode)) throw invalid(`logger: logging mode not supported: ${mode}`);
  const buffer = options['max-buffer-size'];
  if (buffer === undefined) return;
  if (mode !== 'non-blocking') throw invalid("logger: max-buffer-size option is only supported with 'mode=non-blocking'");
  try {
    parseDecimalSize(buffer);
  } catch {
    throw invalid(`error parsing option max-buffer-size: invalid size: '${buffer}'`);
  }
}

/** Where a container's lines go; undefined: nowhere. */
export function logTarget(record: ContainerRecord, path: string): LogTarget | undefined {
  const driver = logDriver(record.host);
  if (driver === 'none') return undefined;
  const options: Options = record.host.LogConfig?.Config ?? {};
  const attributes = driver === DEFAULT_DRIVER ? attributesOf(record, options) : {};
  return {
    path,
    ...rotation(driver, options),
    ...(Object.keys(attributes).length === 0 ? {} : { attributes: writeAttributes(attributes) }),
  };
}

function rotation(driver: string, given: Options): { maxSize: number; maxFiles: number } {
  const options = driver === 'local' ? { ...LOCAL, ...given } : given;
  const size = options['max-size'];
  const maxSize = size === undefined ? 0 : sizeOf(driver, size);
  const files = options['max-file'] ?? '1';
  if (!/^[+-]?\d+$/.test(files)) throw invalid(`strconv.Atoi: parsing ${JSON.stringify(files)}: invalid syntax`);
  const maxFiles = Number(files);
  if (maxFiles < 1) throw invalid('max-file cannot be less than 1');
  checkCompress(options['compress'], maxSize > 0 && maxFiles > 1);
  return { maxSize, maxFiles };
}

function sizeOf(driver: string, text: string): number {
  try {
    return parseDecimalSize(text);
  } catch (error) {
    if (driver === 'local' && error instanceof Error) throw invalid(`invalid value for max-size: ${text}: ${error.message}`);
    throw error;
  }
}

function checkCompress(text: string | undefined, rotates: boolean): void {
  if (text === undefined || /^(0|f|false)$/i.test(text)) return;
  if (!/^(1|t|true)$/i.test(text)) throw invalid(`strconv.ParseBool: parsing ${JSON.stringify(text)}: invalid syntax`);
  if (!rotates) throw invalid('compress cannot be true when max-file is less than 2 or max-size is not set');
  throw invalid('compress=true is not available: rotated logs stay as they are, so that they can be read at any time');
}

const UNITS: Readonly<Record<string, number>> = { '': 1, k: 1e3, m: 1e6, g: 1e9, t: 1e12, p: 1e15 };

/** `10m` is ten million bytes: Docker counts logs in powers of ten. */
export function parseDecimalSize(text: string): number {
  const [, number = '', unit = ''] = /^(\d+(?:\.\d+)?)\s*(?:b|([kmgtp])(?:i?b)?)?$/i.exec(text) ?? [];
  const factor = UNITS[unit.toLowerCase()];
  if (number === '' || factor === undefined) throw invalid(`invalid size: '${text}'`);
  return Math.floor(Number(number) * factor);
}

function patterns(options: Options): { labels: RegExp | undefined; env: RegExp | undefined } {
  const compile = (text: string | undefined): RegExp | undefined => {
    if (text === undefined || text === '') return undefined;
    try {
      return new RegExp(text);
    } catch (error) {
      throw invalid(`error parsing regexp: ${error instanceof Error ? error.message.replace(/^Invalid regular expression: /, '') : text}`);
    }
  };
  return { labels: compile(options['labels-regex']), env: compile(options['env-regex']) };
}

function attributesOf(record: ContainerRecord, options: Options): Record<string, string> {
  const found = patterns(options);
  const labels = record.config.Labels ?? {};
  const environment = Object.fromEntries(
    (record.config.Env ?? [])
      .filter((entry) => entry.includes('='))
      .map((entry) => [entry.slice(0, entry.indexOf('=')), entry.slice(entry.indexOf('=') + 1)]),
  );
  const tag = parseTemplate(options['tag'] ?? '')(tagFields(record));
  return {
    ...choose(labels, options['labels'], found.labels),
    ...choose(environment, options['env'], found.env),
    ...(tag === '' ? {} : { tag }),
  };
}

function choose(values: Readonly<Record<string, string>>, names: string | undefined, pattern: RegExp | undefined): Record<string, string> {
  const wanted = new Set((names ?? '').split(','));
  return Object.fromEntries(Object.entries(values).filter(([name]) => wanted.has(name) || pattern?.test(name) === true));
}

function tagFields({ id, name, imageId, imageReference, command }: ContainerRecord): Readonly<Record<string, string>> {
  return {
    ID: id.slice(0, 12),
    FullID: id,
    Name: name,
    ImageID: imageId.slice(0, 12),
    ImageFullID: imageId,
    ImageName: imageReference,
    Command: command.join(' '),
    Hostname: hostname(),
    DaemonName: 'docker',
  };
}

/** JSON as Go writes it: sorted, and safe within HTML. */
function writeAttributes(attributes: Readonly<Record<string, string>>): string {
  const sorted = Object.fromEntries(Object.entries(attributes).toSorted(([one], [other]) => (one < other ? -1 : 1)));
  const text = JSON.stringify(sorted).replaceAll('<', '\\u003c').replaceAll('>', '\\u003e').replaceAll('&', '\\u0026');
  if (Buffer.byteLength(text) > MAX_ATTRIBUTES)
    throw invalid(
      `failed to initialize logging driver: labels, environment and tag of each line have more than ${String(MAX_ATTRIBUTES)} bytes`,
    );
  return text;
}
