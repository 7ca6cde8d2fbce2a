import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync, openSync } from 'node:fs';
import { test } from 'node:test';
import { FieldsBuilder, Tag } from '../../src/agent-client/fields.ts';
import { FrameType } from '../../src/agent-client/frame.ts';
import { missing } from './crun-fixture.ts';
import { PATIENCE_MS } from './exit.ts';
import { GuestFixture } from './guest-fixture.ts';

test('a card whose former namespace still lives is made again', { timeout: 2 * PATIENCE_MS, skip: missing() }, async () => {
  await using guest = await GuestFixture.start();
  const suffix = randomBytes(4).toString('hex');
  const [bridge, outside, netns] = [`abtb${suffix}`, `abtv${suffix}`, `abt-${suffix}`];
  const veth = (): FieldsBuilder =>
    new FieldsBuilder()
      .add(Tag.NETNS, netns)
      .add(Tag.HOST_IF, outside)
      .add(Tag.IFNAME, 'eth0')
      .add(Tag.MAC, Buffer.from([2, 0x42, 1, 2, 3, 4]))
      .add(Tag.BRIDGE, bridge)
      .add(Tag.MTU, 1400);
  execFileSync('ip', ['link', 'add', bridge, 'type', 'bridge']);
  let held: number | undefined;
  try {
    await guest.link.request(FrameType.NET_VETH, veth());
    // The kernel takes a namespace down in its own time; held open it lives on for sure.
    held = openSync(`/run/netns/${netns}`, 'r');
    await guest.link.request(FrameType.NET_DELETE, new FieldsBuilder().add(Tag.NETNS, netns));
    await guest.link.request(FrameType.NET_VETH, veth());
    const [link] = JSON.parse(execFileSync('ip', ['-json', 'link', 'show', outside], { encoding: 'utf8' })) as [{ master: string }];
    assert.equal(link.master, bridge);
  } finally {
    await guest.link.request(FrameType.NET_DELETE, new FieldsBuilder().add(Tag.NETNS, netns).add(Tag.HOST_IF, outside));
    if (held !== undefined) closeSync(held);
    execFileSync('ip', ['link', 'del', bridge]);
  }
});
