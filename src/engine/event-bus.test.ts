import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withDeadline } from '../base/deadline.ts';
import { Database } from '../state/database.ts';
import type { EngineEvent, EventQuery } from './api.ts';
import { EventBus } from './event-bus.ts';
import { EventHistory } from './event-history.ts';

const newBus = (): EventBus => new EventBus(new EventHistory(Database.open(':memory:')));
const never = (): AbortSignal => new AbortController().signal;
const LONG_AGO = 0n;
const past = BigInt(Date.now() - 1000) * 1_000_000n;

const take = async (events: AsyncGenerator<EngineEvent>, count: number): Promise<EngineEvent[]> => {
  const taken: EngineEvent[] = [];
  while (taken.length < count) {
    const { value, done } = await withDeadline(events.next(), 10_000, 'an event');
    if (done === true) break;
    taken.push(value);
  }
  return taken;
};

/** Everything kept that matches: the query ends at once. */
async function history(bus: EventBus, query: Partial<EventQuery> = {}): Promise<EngineEvent[]> {
  const abort = new AbortController();
  abort.abort();
  return withDeadline(Array.fromAsync(bus.query({ filters: {}, since: LONG_AGO, signal: abort.signal, ...query })), 10_000, 'the end');
}

const actions = (events: readonly EngineEvent[]): string[] => events.map(({ action }) => action);

test('times rise strictly, so that order can be told from them', async () => {
  const bus = newBus();
  for (let index = 0; index < 500; index += 1) bus.emit('container', String(index), 'x');
  const events = await history(bus);
  assert.equal(events.length, 500);
  for (const [index, event] of events.entries()) {
    assert.equal(event.action, String(index));
    if (index > 0) assert.ok(event.timeNano > (events[index - 1]?.timeNano ?? 0n));
  }
  const now = BigInt(Date.now()) * 1_000_000n;
  assert.ok((events[0]?.timeNano ?? 0n) > now - 60_000_000_000n && (events.at(-1)?.timeNano ?? 0n) < now + 60_000_000_000n);
});

test('without since only what comes, with it what was first', async () => {
  const bus = newBus();
  bus.emit('container', 'before', 'x');
  const live = bus.query({ filters: {}, signal: never() });
  const both = bus.query({ filters: {}, since: LONG_AGO, signal: never() });
  const first = [live.next(), both.next()] as const;
  bus.emit('container', 'after', 'x');
  assert.equal(((await first[0]).value as EngineEvent).action, 'after');
  assert.deepEqual([((await first[1]).value as EngineEvent).action, ...actions(await take(both, 1))], ['before', 'after']);
  await live.return(undefined);
  await both.return(undefined);
});

test('since and until are both included', async () => {
  const bus = newBus();
  for (const action of ['a', 'b', 'c', 'd']) bus.emit('container', action, 'x');
  const [, b, c] = await history(bus);
  assert.deepEqual(actions(await history(bus, { since: b?.timeNano ?? 0n, until: c?.timeNano ?? 0n })), ['b', 'c']);
});

test('an until that is past ends the query, one that comes ends it then', async () => {
  const bus = newBus();
  bus.emit('container', 'now', 'x');
  assert.deepEqual(
    await withDeadline(Array.fromAsync(bus.query({ filters: {}, since: LONG_AGO, until: past, signal: never() })), 10_000, 'the end'),
    [],
  );
  const soon = BigInt(Date.now() + 100) * 1_000_000n;
  const events = await withDeadline(
    Array.fromAsync(bus.query({ filters: {}, since: LONG_AGO, until: soon, signal: never() })),
    10_000,
    'the end',
  );
  assert.deepEqual(actions(events), ['now']);
});

test('an abort ends the query after what it had to tell', async () => {
  const bus = newBus();
  const abort = new AbortController();
  const events = bus.query({ filters: {}, signal: abort.signal });
  const first = events.next();
  bus.emit('container', 'a', 'x');
  bus.emit('container', 'b', 'x');
  abort.abort();
  assert.equal(((await first).value as EngineEvent).action, 'a');
  assert.deepEqual(actions(await withDeadline(Array.fromAsync(events), 10_000, 'the end')), ['b']);
});

test('several listeners each get all, and one that left costs nobody', async () => {
  const bus = newBus();
  const queries = [0, 1, 2].map(() => bus.query({ filters: {}, signal: never() }));
  const firsts = queries.map((query) => query.next());
  bus.emit('container', 'a', 'x');
  await Promise.all(firsts);
  await queries[1]?.return(undefined);
  bus.emit('container', 'b', 'x');
  for (const query of [queries[0], queries[2]]) assert.deepEqual(actions(await take(query ?? assert.fail(), 1)), ['b']);
});

test('the newest of the past are kept, the oldest go', async () => {
  const bus = newBus();
  for (let index = 0; index < 6000; index += 1) bus.emit('container', String(index), 'x');
  const events = await history(bus);
  assert.ok(events.length >= 256 && events.length < 6000, String(events.length));
  assert.deepEqual(
    actions(events),
    Array.from({ length: events.length }, (_, index) => String(6000 - events.length + index)),
  );
});

test('a listener that does not take what comes is cut off, and does not make the daemon grow', async () => {
  const bus = newBus();
  const events = bus.query({ filters: {}, signal: never() });
  const first = events.next();
  for (let index = 0; index < 40_000; index += 1) bus.emit('container', String(index), 'x');
  await first;
  let count = 1;
  for await (const event of events) {
    assert.equal(event.action, String(count));
    count += 1;
  }
  assert.ok(count >= 1000 && count < 20_000, `${String(count)} events were held`);
});

test("filters choose as Docker's", async () => {
  const bus = newBus();
  bus.emit('container', 'start', 'c1'.padEnd(64, '0'), { name: 'one', image: 'base', role: 'db' });
  bus.emit('container', 'exec_create: sh', 'c2'.padEnd(64, '0'), { name: 'two', image: 'other', role: 'web', flag: '' });
  bus.emit('image', 'tag', 'sha256:1', { name: 'base' });
  bus.emit('vm', 'start', 'v1', { name: 'one' });
  const cases: ReadonlyArray<readonly [filters: EventQuery['filters'], indexes: number[]]> = [
    [{}, [0, 1, 2, 3]],
    [{ type: [] }, [0, 1, 2, 3]],
    [{ type: ['container'] }, [0, 1]],
    [{ type: ['image', 'vm'] }, [2, 3]],
    [{ event: ['start'] }, [0, 3]],
    [{ event: ['exec_create'] }, [1]],
    [{ event: ['exec'] }, []],
    [{ container: ['one'] }, [0]],
    [{ container: ['c2'.padEnd(64, '0'), 'one'] }, [0, 1]],
    [{ container: ['c200'] }, [1]],
    [{ image: ['base'] }, [0, 2]],
    [{ label: ['role'] }, [0, 1]],
    [{ label: ['role=web'] }, [1]],
    [{ label: ['role=web', 'flag'] }, [1]],
    [{ label: ['role=web', 'role=db'] }, []],
    [{ label: ['flag='] }, [1]],
    [{ vm: ['on'] }, [3]],
    [{ type: ['container'], event: ['start'] }, [0]],
    [{ scope: ['local'] }, [0, 1, 2, 3]],
    [{ scope: ['swarm'] }, []],
  ];
  const everything = await history(bus);
  for (const [filters, indexes] of cases)
    assert.deepEqual(
      (await history(bus, { filters })).map((event) => everything.findIndex(({ timeNano }) => timeNano === event.timeNano)),
      indexes,
      JSON.stringify(filters),
    );
});
