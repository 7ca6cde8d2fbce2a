import { attempt } from './attempt.ts';
import { type Finding, install, missing, ok, warn } from './finding.ts';

const NEEDED = ['mount', 'pid', 'net', 'ipc', 'uts'] as const;
/** Kernels may lack these; crun does without. */
const OPTIONAL = ['cgroup', 'user', 'time'] as const;

/** Makes one namespace of each kind, for real. */
export async function checkNamespaces(): Promise<readonly Finding[]> {
  const tool = await attempt('unshare', ['--version']);
  if (!tool.works) {
    return [missing('namespaces', 'the command unshare is not here', 'this check', install('util-linux'))];
  }
  const refused = await refusals(NEEDED);
  const refusedOptional = await refusals(OPTIONAL);
  if (refused.length > 0) {
    return [missing('namespaces', refused.join('; '), 'containers', 'use a kernel that has them, or a shell that may make them')];
  }
  if (refusedOptional.length > 0) {
    return [
      warn(
        'namespaces',
        `${NEEDED.join(', ')} work; ${refusedOptional.join('; ')}`,
        'what needs these namespaces',
        'use a kernel that has them',
      ),
    ];
  }
  return [ok('namespaces', `${[...NEEDED, ...OPTIONAL].join(', ')} work`)];
}

async function refusals(kinds: readonly string[]): Promise<string[]> {
  const outcomes = await Promise.all(
    kinds.map(async (kind) => ({
      kind,
      outcome: await attempt('unshare', [`--${kind}`, ...(kind === 'pid' ? ['--fork'] : []), 'true']),
    })),
  );
  return outcomes.flatMap(({ kind, outcome }) => (outcome.works ? [] : [`${kind}: ${outcome.why}`]));
}
