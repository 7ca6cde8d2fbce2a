/** What of the host's mounts another kernel cannot have. */
import { invalid } from '../../base/errors.ts';
import type { MountPoint } from './mount-point.ts';

export function checkForVm(points: readonly MountPoint[]): void {
  for (const point of points) {
    if (point.type === 'bind' && point.propagation.endsWith('shared'))
      throw invalid(
        `invalid mount config for type "bind": propagation ${point.propagation} of ${point.source} is not possible in a VM: what is mounted there is mounted in the guest's kernel, which the host does not see`,
      );
  }
}
