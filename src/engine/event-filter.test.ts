import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EngineEvent } from './api.ts';
import { matchesEvent } from './event-filter.ts';

const ID = 'abcdef'.padEnd(64, '0');
const container: EngineEvent = {
  type: 'container',
  action: 'exec_start: sh -c true',
  id: ID,
  attributes: { name: 'web', image: 'team/app:2', colour: 'blue' },
  timeNano: 1n,
};
const image: EngineEvent = { type: 'image', action: 'tag', id: 'sha256:1234', attributes: { name: 'team/app:2' }, timeNano: 2n };

const CASES: ReadonlyArray<readonly [filters: Record<string, string[]>, container: boolean, image: boolean]> = [
  [{}, true, true],
  [{ type: [] }, true, true],
  [{ type: ['container'] }, true, false],
  [{ type: ['container', 'image'] }, true, true],
  [{ event: ['exec_start'] }, true, false],
  [{ event: ['exec_start: sh -c true'] }, true, false],
  [{ event: ['exec'] }, false, false],
  [{ event: ['exec_die', 'tag'] }, false, true],
  [{ container: ['web'] }, true, false],
  [{ container: ['we'] }, true, false],
  [{ container: ['eb'] }, false, false],
  [{ container: ['abc'] }, true, false],
  [{ container: [ID] }, true, false],
  [{ image: ['team/app:2'] }, true, true],
  [{ image: ['team/app'] }, true, true],
  [{ image: ['team'] }, false, false],
  [{ image: ['sha256:1234'] }, false, true],
  [{ label: ['colour'] }, true, false],
  [{ label: ['colour=blue'] }, true, false],
  [{ label: ['colour=red'] }, false, false],
  [{ label: ['colour', 'image=team/app:2'] }, true, false],
  [{ scope: ['local'] }, true, true],
  [{ scope: ['swarm'] }, false, false],
  [{ network: ['bridge'] }, false, false],
  [{ type: ['image'], event: ['exec_start'] }, false, false],
];

for (const [filters, ofContainer, ofImage] of CASES) {
  test(`events filtered by ${JSON.stringify(filters)}`, () => {
    assert.deepEqual([matchesEvent(container, filters), matchesEvent(image, filters)], [ofContainer, ofImage]);
  });
}
