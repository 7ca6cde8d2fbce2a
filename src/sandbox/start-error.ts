import { AbodeError } from '../base/errors.ts';
import type { StartFailure } from './sandbox.ts';

/** The container's process could not be started; `exitCode` is what Docker records (126, 127, 128). */
export class StartError extends AbodeError {
  readonly exitCode: number;

  constructor(failure: StartFailure, cause: string, during: 'create' | 'exec' = 'create') {
    // Docker's clients up to version 24 know the exit status 126 by `permission denied` alone.
    const reason = cause.replace(/: is a directory$/, ': is a directory: permission denied');
    // The daemon's wording, which clients match to choose their own exit status.
    const text = `failed to create task for container: failed to create shim task: OCI runtime create failed: unable to start container process: ${reason}: unknown`;
    const code = failure === 'other' ? 'internal' : 'invalid';
    super(code, during === 'create' ? text : `OCI runtime exec failed: exec failed: unable to start container process: ${reason}: unknown`);
    this.name = 'StartError';
    this.exitCode = failure === 'not-found' ? 127 : failure === 'not-executable' ? 126 : 128;
  }
}

/** Sorts a runtime's own words: crun's, runc's and runsc's texts for a command that is missing or cannot be executed. */
export function classifyRuntimeError(message: string, command: string, during: 'create' | 'exec' = 'create'): StartError {
  const text = lastWords(message);
  const missing = command.includes('/')
    ? `exec: "${command}": stat ${command}: no such file or directory`
    : `exec: "${command}": executable file not found in $PATH`;
  if (
    /executable file .*not found|no such file or directory.*exec|stat .*no such file|(?:failed to load|finding executable) .*no such file/i.test(
      text,
    )
  )
    return new StartError('not-found', missing, during);
  const [, directory, why = ''] =
    /(?:chdir|initial working directory) [`"](.*)[`"]: (no such file or directory|not a directory)/i.exec(text) ?? [];
  if (directory !== undefined)
    return new StartError('not-found', `chdir to cwd ("${directory}") set in config.json failed: ${why.toLowerCase()}`, during);
  const [, opening] = /open executable: (.*)/.exec(text) ?? [];
  // crun's word for what is no regular file; without a name it tried the root directory.
  if (opening === 'Operation not permitted')
    return command === ''
      ? new StartError('not-found', missing, during)
      : new StartError('not-executable', `exec: "${command}": is a directory`, during);
  if (
    /permission denied|exec format error|is a directory/i.test(text) &&
    /\bexec\b|open executable|starting container process|failed to load/i.test(text)
  ) {
    const [detail = ''] = /exec format error|is a directory|permission denied/i.exec(text) ?? [];
    return new StartError('not-executable', `exec: "${command}": ${detail.toLowerCase()}`, during);
  }
  const reason = opening === undefined ? text : `exec: "${command}": stat ${command}: ${opening.toLowerCase()}`;
  if (/: not a directory$/i.test(reason)) return new StartError('not-found', reason, during);
  return new StartError('other', reason === '' ? 'the runtime gave no reason' : reason, during);
}

/** The last line, without the dress that runc's log gives it. */
function lastWords(message: string): string {
  const line = message.trim().split('\n').at(-1)?.trim() ?? '';
  const [, quoted] = /^time=.* msg=("(?:[^"\\]|\\.)*")$/.exec(line) ?? [];
  if (quoted === undefined) return line;
  return quoted
    .slice(1, -1)
    .replace(/\\(.)/g, '$1')
    .replace(/^(?:runc \w+|exec) failed: (?:unable to start container process: )?/, '');
}
