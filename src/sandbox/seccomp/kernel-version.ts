/** `minKernel` of a seccomp profile's rule: two numbers, as Docker reads them. */
import { invalid } from '../../base/errors.ts';

/** Whether a kernel of this release (`6.1.0-56-cloud-amd64`) is at least of that version (`4.8`). */
export function isAtLeast(release: string, minimum: string): boolean {
  const [kernel, major] = parse(minimum);
  const [ownKernel, ownMajor] = parse(release);
  return ownKernel > kernel || (ownKernel === kernel && ownMajor >= major);
}

function parse(text: string): [kernel: number, major: number] {
  const [, kernel, major] = /^(\d+)\.(\d+)/.exec(text) ?? [];
  if (kernel === undefined || (kernel === '0' && major === '0'))
    throw invalid(`Decoding seccomp profile failed: invalid kernel version: ${JSON.stringify(text)}, expected "<kernel>.<major>"`);
  return [Number(kernel), Number(major)];
}
