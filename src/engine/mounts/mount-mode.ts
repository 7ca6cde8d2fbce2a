/** The mode of `-v SOURCE:DESTINATION:MODE`, and of `--volumes-from CONTAINER:MODE`. */
export const PROPAGATIONS: readonly string[] = ['private', 'rprivate', 'slave', 'rslave', 'shared', 'rshared'];

/** Of each kind at most one. The label kind and the consistency are without effect here, as in Docker on a host without SELinux. */
const KINDS: readonly (readonly string[])[] = [
  ['rw', 'ro'],
  ['z', 'Z'],
  PROPAGATIONS,
  ['nocopy'],
  ['consistent', 'cached', 'delegated', 'default'],
];

export function isValidMode(mode: string): boolean {
  if (mode === '') return true;
  const words = mode.split(',');
  return (
    words.every((word) => KINDS.some((kind) => kind.includes(word))) &&
    KINDS.every((kind) => words.filter((word) => kind.includes(word)).length <= 1)
  );
}

export function isWritable(mode: string): boolean {
  return !mode.split(',').includes('ro');
}

export function propagationOf(mode: string): string | undefined {
  return mode.split(',').find((word) => PROPAGATIONS.includes(word));
}

export function isCopied(mode: string): boolean {
  return !mode.split(',').includes('nocopy');
}
