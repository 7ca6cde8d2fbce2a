/** Names for containers that were given none. */
import { randomInt } from 'node:crypto';

const ADJECTIVES =
  'airy brave bright calm clever cosy eager fair fond gentle glad grand happy honest jolly keen kind lively lucky merry mild neat nimble noble proud quick quiet ready sharp snug sober spry stout sunny sure swift tidy warm wise witty'.split(
    ' ',
  );
const HOMES =
  'attic barn cabin castle chalet cottage den farm flat gable garden hall hearth hotel house hut inn lodge loft manor mansion mill nest palace parlour porch quarters ranch roof room shed stable studio suite tent terrace tower villa yard yurt'.split(
    ' ',
  );

export function randomName(taken: (name: string) => boolean): string {
  for (let tries = 0; ; tries += 1) {
    const name = `${pick(ADJECTIVES)}_${pick(HOMES)}${tries < 8 ? '' : String(randomInt(10_000))}`;
    if (!taken(name)) return name;
  }
}

function pick(words: readonly string[]): string {
  return words[randomInt(words.length)] ?? '';
}
