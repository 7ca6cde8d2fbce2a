/** The machine in Docker's words. */
import { arch } from 'node:os';
import { readFileIfThere } from '../../base/files.ts';

const GO_ARCH: Readonly<Record<string, string>> = {
  x64: 'amd64',
  arm64: 'arm64',
  arm: 'arm',
  ia32: '386',
};
const KERNEL_ARCH: Readonly<Record<string, string>> = {
  x64: 'x86_64',
  arm64: 'aarch64',
  arm: 'armv7l',
  ia32: 'i686',
};

export function goArchitecture(): string {
  return GO_ARCH[arch()] ?? arch();
}

export function kernelArchitecture(): string {
  return KERNEL_ARCH[arch()] ?? arch();
}

export interface OperatingSystem {
  readonly name: string;
  readonly version: string;
}

export async function readOperatingSystem(): Promise<OperatingSystem> {
  const release = (await readFileIfThere('/etc/os-release')) ?? (await readFileIfThere('/usr/lib/os-release')) ?? '';
  const field = (key: string): string | undefined => new RegExp(`^${key}="?([^"\\n]*)"?$`, 'm').exec(release)?.[1];
  return { name: field('PRETTY_NAME') ?? 'Linux', version: field('VERSION_ID') ?? '' };
}
