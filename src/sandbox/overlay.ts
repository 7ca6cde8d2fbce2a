/** An overlay's mount options; a colon or comma in a path would be read as a separator. */
export function overlayOptions(layers: readonly string[], upper: string, work: string): string {
  const escape = (path: string): string => path.replace(/[\\:,]/g, '\\$&');
  return `lowerdir=${layers.map(escape).join(':')},upperdir=${escape(upper)},workdir=${escape(work)}`;
}
