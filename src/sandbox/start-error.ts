import { AbodeError } from '../base/errors.ts';
import type { StartFailure } from './sandbox.ts';

/** The container's process could not be started; `exitCode` is what Docker records (126, 127, 128). */
export class StartError extends AbodeError {
  readonly exitCode: number;

  constructor(failure: StartFailure, reason: string, during: 'create' | 'exec' = 'create') {
    // The daemon's wording, which clients match to choose their own exit status.
    const text = `failed to create task for container: failed to create shim task: OCI runtime create failed: unable to start container process: ${reason}: unknown`;
    const code = failure === 'other' ? 'internal' : 'invalid';
    super(code, during === 'create' ? text : `OCI runtime exec failed: exec failed: unable to start container process: ${reason}: unknown`);
    this.name = 'StartError';
    this.exitCode = failure === 'not-found' ? 127 : failure === 'not-executable' ? 126 : 128;
  }
}

/** Sorts a runtime's own words: crun's and runc's texts for a command that is missing or cannot be executed. */
export function classifyRuntimeError(message: string, command: string, during: 'create' | 'exec' = 'create'): StartError {
  const text = message.trim().split('\n').at(-1)?.trim() ?? '';
  if (/executable file .*not found|no such file or directory.*exec|executable file not found|stat .*no such file/i.test(text)) {
    const reason = command.includes('/')
      ? `exec: "${command}": stat ${command}: no such file or directory`
      : `exec: "${command}": executable file not found in $PATH`;
    return new StartError('not-found', reason, during);
  }
  const missingDirectory = /chdir `(.*)`: No such file or directory/.exec(text)?.[1];
  if (missingDirectory !== undefined) {
    return new StartError('not-found', `chdir to cwd ("${missingDirectory}") set in config.json failed: no such file or directory`, during);
  }
  // crun's word for what is no regular file.
  if (/open executable: Operation not permitted/i.test(text))
    return new StartError('not-executable', `exec: "${command}": is a directory`, during);
  if (/permission denied|exec format error|is a directory/i.test(text) && /exec|open executable|starting container process/i.test(text)) {
    const detail = /exec format error/i.test(text)
      ? 'exec format error'
      : /is a directory/i.test(text)
        ? 'is a directory'
        : 'permission denied';
    return new StartError('not-executable', `exec: "${command}": ${detail}`, during);
  }
  return new StartError('other', text === '' ? 'the runtime gave no reason' : text, during);
}
