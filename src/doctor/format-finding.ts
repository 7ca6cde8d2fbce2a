import type { Finding, Verdict } from './finding.ts';

const COLOURS: Readonly<Record<Verdict, string>> = { ok: '32', warn: '33', missing: '31' };
const INDENT = 25;

/** The finding as lines for a person. */
export function formatFinding(finding: Finding, colour: boolean): string {
  const verdict = finding.verdict.padEnd(8);
  const painted = colour ? `\u001B[${COLOURS[finding.verdict]}m${verdict}\u001B[0m` : verdict;
  const lines = [`${painted} ${finding.check.padEnd(15)} ${finding.detail}`];
  if (finding.disables !== undefined) lines.push(`${' '.repeat(INDENT)}affects: ${finding.disables}`);
  if (finding.mend !== undefined) lines.push(`${' '.repeat(INDENT)}mend:    ${finding.mend}`);
  return lines.join('\n');
}
