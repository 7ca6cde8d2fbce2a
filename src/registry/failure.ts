/** What went wrong with a registry, in the words of Docker. */
import { AbodeError, hasErrno, messageOf, notFound } from '../base/errors.ts';

/** The first error of a registry's body: `{"errors":[{"code":"MANIFEST_UNKNOWN","message":"…"}]}`. */
export function registryError(body: string): { code: string; message: string } | undefined {
  try {
    const parsed: unknown = JSON.parse(body);
    const errors: unknown = typeof parsed === 'object' && parsed !== null && 'errors' in parsed ? parsed.errors : undefined;
    const first: unknown = Array.isArray(errors) ? errors[0] : undefined;
    if (typeof first !== 'object' || first === null) return undefined;
    const code = 'code' in first && typeof first.code === 'string' ? first.code : '';
    const message = 'message' in first && typeof first.message === 'string' ? first.message : '';
    return code === '' ? undefined : { code, message: printable(message) };
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

export interface Refusal {
  readonly status: number;
  readonly body: string;
  /** What was asked for, as Docker shows it. */
  readonly name: string;
  /** The image's whole name. */
  readonly reference: string;
}

export function refusedPull({ status, body, name, reference }: Refusal): AbodeError {
  const error = registryError(body);
  const told = error === undefined ? '' : `${error.code.toLowerCase().replaceAll('_', ' ')}: ${error.message}`;
  if (error?.code === 'DENIED' || status === 403) {
    return notFound(
      `pull access denied for ${name}, repository does not exist or may require 'docker login': ${told === '' ? 'denied: requested access to the resource is denied' : told}`,
    );
  }
  if (status === 401) {
    return new AbodeError('forbidden', told === '' ? 'unauthorized: authentication required' : told, {
      hint: `Log in first: docker login`,
    });
  }
  if (error?.code === 'NAME_UNKNOWN') return notFound(`repository ${name} not found: ${told}`);
  if (status === 404) return notFound(`manifest for ${reference} not found: ${told === '' ? 'manifest unknown' : told}`);
  if (status === 429)
    return new AbodeError('unavailable', `toomanyrequests: the registry answers no more requests for now${told === '' ? '' : `: ${told}`}`);
  return new AbodeError('unavailable', `received unexpected HTTP status: ${String(status)}${told === '' ? '' : `: ${told}`}`);
}

/** A connection that failed, as Go's HTTP client tells it. */
export function unreachable(method: string, url: URL, error: unknown): AbodeError {
  const host = url.port === '' ? `${url.hostname}:${url.protocol === 'https:' ? '443' : '80'}` : url.host;
  const prefix = `${method} "${url.origin}${url.pathname}": `;
  const reason = reasonOf(error, host);
  return new AbodeError('unavailable', prefix + reason, { cause: error });
}

function reasonOf(error: unknown, host: string): string {
  if (hasErrno(error, 'ECONNREFUSED')) return `dial tcp ${host}: connect: connection refused`;
  if (hasErrno(error, 'ENOTFOUND', 'EAI_AGAIN')) return `dial tcp: lookup ${host.replace(/:\d+$/, '')}: no such host`;
  if (hasErrno(error, 'EHOSTUNREACH')) return `dial tcp ${host}: connect: no route to host`;
  if (hasErrno(error, 'ENETUNREACH')) return `dial tcp ${host}: connect: network is unreachable`;
  if (hasErrno(error, 'UND_ERR_CONNECT_TIMEOUT', 'ETIMEDOUT')) return `dial tcp ${host}: i/o timeout`;
  if (hasErrno(error, ...UNTRUSTED)) return 'x509: certificate signed by unknown authority';
  if (hasErrno(error, 'CERT_HAS_EXPIRED')) return 'x509: certificate has expired or is not yet valid';
  if (hasErrno(error, 'ERR_TLS_CERT_ALTNAME_INVALID')) return `x509: certificate is not valid for ${host}`;
  return messageOf(error);
}

const UNTRUSTED = [
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
];

/** A registry's words go to terminals. */
function printable(text: string): string {
  return text.slice(0, 1024).replaceAll(/\p{Cc}/gu, ' ');
}
