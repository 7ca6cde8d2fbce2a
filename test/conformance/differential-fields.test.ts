/**
 * Create requests at the limits of each field and with values that cannot be, to the dockerd of this machine and to Abode in each isolation:
 * status, message and warnings of the create and, where it is made, of the start. What differs on purpose is in a table, with the reason;
 * an entry that no longer differs is an error too.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { askJson } from '../fixtures/ask-json.ts';
import { DIFFERENCES, FIELD_CASES, IN_A_SHARED_VM, IN_A_VM, IN_ITS_OWN_VM } from '../fixtures/field-cases.ts';
import { ISOLATIONS, type Isolation } from '../fixtures/isolations.ts';
import { ReferenceDocker } from '../fixtures/reference-docker.ts';
import { cannotRun, DOCKER, RobustDaemon } from '../fixtures/robust-daemon.ts';

const REFERENCE = '/var/run/docker.sock';
const IMAGE = `abode-fields:${String(process.pid)}`;
const TEST_MS = 600_000;
/** What dockerd 20.10 speaks. */
const VERSION = '/v1.41';

const reference = new ReferenceDocker(DOCKER);
const skip = cannotRun === false ? await ReferenceDocker.missing() : cannotRun;
let daemon: RobustDaemon | undefined;
const expectations = new Map<string, string>();

if (skip === false) {
  before(async () => {
    daemon = await RobustDaemon.start();
    await daemon.docker('tag', 'abode/base', IMAGE);
    await reference.take(daemon, IMAGE);
  });
  after(async () => {
    await reference.run(['rmi', '-f', IMAGE]);
    await daemon?.[Symbol.asyncDispose]();
  });
}

for (const isolation of ISOLATIONS) {
  test(`${isolation.name} answers to the bounds of each field as dockerd does`, { skip, timeout: TEST_MS }, async () => {
    assert.ok(daemon);
    const wrong: string[] = [];
    for (const [name, entry] of Object.entries(FIELD_CASES)) {
      const expected = expectations.get(name) ?? (await answer(REFERENCE, entry, undefined));
      expectations.set(name, expected);
      const seen = await answer(daemon.socket, entry, isolation);
      const known = knownDifference(name, isolation);
      const differs = seen !== expected && !isOnlyOurStatus(expected, seen);
      if (known === undefined ? differs : !known.test(seen)) wrong.push(`${name}\n  dockerd: ${expected}\n  Abode:   ${seen}`);
      else if (known !== undefined && !differs && isolation.name === 'container') wrong.push(`${name} does not differ any more`);
    }
    assert.equal(wrong.join('\n'), '');
  });
}

function knownDifference(name: string, isolation: Isolation): RegExp | undefined {
  const own = isolation.name === 'vm' ? IN_ITS_OWN_VM : IN_A_SHARED_VM;
  return (isolation.name === 'container' ? undefined : (own[name] ?? IN_A_VM[name])) ?? DIFFERENCES[name];
}

/** The same message: dockerd 20.10 has 500 for many mistakes of the user's, some of them at the start; Abode has 400, and at once where it can. */
function isOnlyOurStatus(expected: string, seen: string): boolean {
  const [, message] = /^(?:201 \[\] start )?500 (.*)$/s.exec(expected) ?? [];
  const [, ours] = /^(?:201 \[\] start )?400 (.*)$/s.exec(seen) ?? [];
  return message !== undefined && message === ours;
}

/** `201 [warnings]`, then `start 204`; or a status and its message. */
async function answer(socket: string, entry: object, isolation: Isolation | undefined): Promise<string> {
  const { HostConfig: host, ...config } = entry as { readonly HostConfig?: object };
  const runtime = isolation?.options[isolation.options.indexOf('--runtime') + 1];
  const body = { Image: IMAGE, Cmd: ['true'], ...config, HostConfig: { ...(runtime === undefined ? {} : { Runtime: runtime }), ...host } };
  const made = await askJson(socket, 'POST', `${VERSION}/containers/create`, body);
  if (made.status !== 201) return normalise(`${String(made.status)} ${String(made.body['message'])}`);
  const id = String(made.body['Id']);
  const started = await askJson(socket, 'POST', `${VERSION}/containers/${id}/start`);
  await askJson(socket, 'DELETE', `${VERSION}/containers/${id}?force=1`);
  const told = started.status === 204 ? '204' : `${String(started.status)} ${String(started.body['message'])}`;
  return normalise(`201 ${JSON.stringify(made.body['Warnings'])} start ${told}`);
}

/** Ids, and the capital of a message that Docker's later versions write small. */
function normalise(text: string): string {
  return text
    .replaceAll(/[0-9a-f]{64}/g, 'ID')
    .replaceAll('Range of CPUs', 'range of CPUs')
    .replaceAll('Unable to find group', 'unable to find group');
}
