/** `0-2,7`: the kernel's way to write a set of processors or memory nodes. */

const MAXIMUM = 8192;

/** The numbers, or what is wrong with the text, in Docker's words. */
export function parseCpuList(text: string): Set<number> | string {
  const numbers = new Set<number>();
  if (text === '') return numbers;
  for (const part of text.split(',')) {
    const [, first, last = first] = /^(\d+)(?:-(\d+))?$/.exec(part) ?? [];
    if (first === undefined || Number(last) < Number(first)) return `invalid format: ${text}`;
    if (Number(last) > MAXIMUM) return `value of out range, maximum is ${String(MAXIMUM)}`;
    for (let number = Number(first); number <= Number(last); number += 1) numbers.add(number);
  }
  return numbers;
}
