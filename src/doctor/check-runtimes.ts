import { attempt } from './attempt.ts';
import { type Finding, install, missing, ok, warn } from './finding.ts';

export async function checkRuntimes(): Promise<readonly Finding[]> {
  const [crun, runc, runsc] = await Promise.all(['crun', 'runc', 'runsc'].map((name) => attempt(name, ['--version'])));
  return [
    crun?.works === true ? ok('crun', firstLine(crun.output)) : missing('crun', crun?.why ?? '', 'containers', install('crun')),
    ...[
      { name: 'runc', outcome: runc },
      { name: 'runsc', outcome: runsc },
    ].map(({ name, outcome }) =>
      outcome?.works === true
        ? ok(name, firstLine(outcome.output))
        : warn(name, 'not installed (optional)', `--runtime ${name}`, install(name)),
    ),
  ];
}

const firstLine = (text: string): string => text.split('\n')[0] ?? '';
