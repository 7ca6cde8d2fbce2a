/** A table of text: the first column to the left, the others to the right; a cell may have several lines. */
export type Cell = readonly string[];

const GAP = '   ';

export function renderTable(header: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const widths = header.map((title, column) =>
    Math.max(title.length, ...rows.flatMap((row) => (row[column] ?? []).map((line) => line.length))),
  );
  const lines = [renderLine(header, widths), widths.map((width) => '─'.repeat(width)).join(GAP)];
  for (const row of rows) {
    const height = Math.max(1, ...row.map((cell) => cell.length));
    for (let line = 0; line < height; line += 1)
      lines.push(
        renderLine(
          widths.map((_, column) => row[column]?.[line] ?? ''),
          widths,
        ),
      );
  }
  return lines.map((line) => line.trimEnd()).join('\n');
}

function renderLine(cells: readonly string[], widths: readonly number[]): string {
  return cells.map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0))).join(GAP);
}
