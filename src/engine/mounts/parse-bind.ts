/** `HostConfig.Binds`: what `-v` gives. */
import { AbodeError, invalid } from '../../base/errors.ts';
import { isCopied, isValidMode, isWritable, propagationOf } from './mount-mode.ts';
import { parseMount } from './parse-mount.ts';
import type { ParsedMount } from './parsed-mount.ts';

export function parseBind(text: string, driver: string): ParsedMount {
  const parts = text.split(':');
  const [first = '', second, mode = ''] = parts;
  // A destination alone is no bind, and takes no mode.
  if (first === '' || parts.length > 3 || (parts.length === 2 && isValidMode(second ?? ''))) throw wrongBind(text);
  if (!isValidMode(mode)) throw invalid(`invalid mode: ${mode}`);
  const source = second === undefined ? '' : first;
  const propagation = propagationOf(mode);
  try {
    const mount = parseMount({
      Type: source.startsWith('/') ? 'bind' : 'volume',
      Source: source === '' ? null : source,
      Target: second ?? first,
      ReadOnly: source !== '' && !isWritable(mode),
      ...(propagation === undefined ? {} : { BindOptions: { Propagation: propagation } }),
      ...(source.startsWith('/') ? {} : { VolumeOptions: { NoCopy: !isCopied(mode), DriverConfig: { Name: driver } } }),
    });
    if ('point' in mount) return { ...mount, point: { ...mount.point, mode: mode === '' ? 'z' : mode } };
    return { ...mount, mode, ...(mount.type === 'bind' ? { makeSource: true } : {}) };
  } catch (error) {
    if (error instanceof AbodeError && error.code === 'invalid') throw invalid(`${wrongBind(text).message}: ${error.message}`);
    throw error;
  }
}

function wrongBind(text: string): AbodeError {
  return invalid(`invalid volume specification: '${text}'`);
}
