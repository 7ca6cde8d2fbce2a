import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ImageRecord } from '../../images/api.ts';
import { layersOf, sharedLayers, totalSize } from '../images/layer-sizes.ts';
import { startApi } from '../fixture.ts';

const image = (...layers: ReadonlyArray<readonly [chain: string, size: number]>): ImageRecord =>
  ({ chainIds: layers.map(([chain]) => chain), layerSizes: layers.map(([, size]) => size) }) as unknown as ImageRecord; // what is read of it

test('a layer of several images counts once, and is what they share', () => {
  const images = [image(['base', 100], ['a', 20]), image(['base', 100], ['b', 3]), image(['other', 5000])];
  assert.equal(totalSize(images), 5123);
  assert.deepEqual([...sharedLayers(images)], ['base']);
  assert.equal(layersOf(images).get('b'), 3);
  assert.deepEqual([...sharedLayers([image(['x', 1], ['x', 1])])], [], 'twice in one image is not shared');
});

test('df tells sizes of containers, and only what is asked for', async (t) => {
  const { api } = await startApi(t);
  await api.inject({ method: 'POST', url: '/containers/create?name=box', payload: { Image: 'bb:1' } });
  const all = (await api.inject('/system/df')).json<Record<string, unknown>>();
  assert.deepEqual(Object.keys(all), ['LayersSize', 'Images', 'Containers', 'Volumes', 'BuildCache', 'BuilderSize']);
  const [container] = all['Containers'] as Array<Record<string, unknown>>;
  assert.deepEqual([container?.['SizeRw'], container?.['SizeRootFs']], [5, 105]);
  assert.deepEqual(Object.keys((await api.inject('/system/df?type=container')).json<object>()), ['Containers']);
  assert.equal((await api.inject('/system/df?type=nonsense')).statusCode, 400);
});

test('sizes are told where they are asked for, and nowhere else', async (t) => {
  const { api, engine } = await startApi(t);
  await api.inject({ method: 'POST', url: '/containers/create?name=box', payload: { Image: 'bb:1' } });
  const listed = async (query: string): Promise<Record<string, unknown> | undefined> =>
    (await api.inject(`/containers/json?all=1${query}`)).json<Array<Record<string, unknown>>>()[0];
  assert.equal('SizeRootFs' in ((await listed('')) ?? {}), false);
  assert.deepEqual([(await listed('&size=1'))?.['SizeRw'], (await listed('&size=1'))?.['SizeRootFs']], [5, 105]);
  const inspected = async (query: string): Promise<Record<string, unknown>> =>
    (await api.inject(`/containers/box/json${query}`)).json<Record<string, unknown>>();
  assert.equal('SizeRw' in (await inspected('')), false);
  engine.containerSize = { rw: 0, rootFs: 100 };
  assert.equal((await inspected('?size=true'))['SizeRw'], 0, 'inspect tells nothing as a number, the list leaves it out');
  assert.equal('SizeRw' in ((await listed('&size=1')) ?? {}), false);
});
