/** `1m30s`, `1.5s`, `20ms`: a duration as Go writes it. */
export function formatDuration(milliseconds: number): string {
  if (milliseconds < 1) return `${String(milliseconds * 1000)}µs`;
  if (milliseconds < 1000) return `${String(milliseconds)}ms`;
  const hours = Math.floor(milliseconds / 3_600_000);
  const minutes = Math.floor((milliseconds % 3_600_000) / 60_000);
  const seconds = `${String((milliseconds % 60_000) / 1000)}s`;
  if (hours > 0) return `${String(hours)}h${String(minutes)}m${seconds}`;
  return minutes > 0 ? `${String(minutes)}m${seconds}` : seconds;
}
