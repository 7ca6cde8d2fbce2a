import { type Finding, ok } from './finding.ts';

export function checkNode(): Promise<readonly Finding[]> {
  return Promise.resolve([ok('node', `${process.version} (${process.execPath})`)]);
}
