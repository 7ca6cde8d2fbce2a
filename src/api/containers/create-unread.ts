/**
 * Fields that Docker honours and Abode does not yet: leaving one out would give a container that does something else than was asked
 * for, so the request is refused.
 */
import type { AbodeError } from '../../base/errors.ts';
import { notAvailable } from '../unsupported.ts';
import type { CreateBody, UnreadFields } from './create-schema.ts';

const REFUSED_ENDPOINT: Readonly<Record<string, string>> = {
  IPAMConfig: 'choosing an address (EndpointsConfig.IPAMConfig)',
  Links: 'linking containers (EndpointsConfig.Links)',
};

export function refuseUnread(body: CreateBody): void {
  for (const endpoint of Object.values(body.NetworkingConfig?.EndpointsConfig ?? {})) refuse(endpoint ?? {}, REFUSED_ENDPOINT);
}

function refuse(fields: UnreadFields, refused: Readonly<Record<string, string>>): void {
  for (const [field, what] of Object.entries(refused)) {
    if (given(fields[field])) throw missing(what);
  }
}

function missing(what: string): AbodeError {
  return notAvailable(what);
}

/** Anything but what clients send for "not set". */
function given(value: unknown): boolean {
  if (value === undefined || value === null || value === '' || value === false || value === 0 || value === -1) return false;
  if (Array.isArray(value)) return value.length > 0;
  return (
    typeof value !== 'object' || Object.values(value).some((entry) => given(entry) || (entry instanceof Object && !Array.isArray(entry)))
  );
}
