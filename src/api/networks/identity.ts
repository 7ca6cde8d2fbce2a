/** Identifiers of what has none in the engine: the same for the same thing for ever. */
import { createHash } from 'node:crypto';
import type { Config } from '../../config/config.ts';

export function networkId(config: Config, name: string): string {
  return digest(`network:${config.root}:${name}`);
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
