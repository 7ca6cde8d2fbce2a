/** An overlay's mount options, without a writable layer where none is given; a colon or comma in a path would be read as a separator. */
export function overlayOptions(layers: readonly string[], upper?: string, work?: string): string {
  const escape = (path: string): string => path.replace(/[\\:,]/g, '\\$&');
  const lower = `lowerdir=${layers.map(escape).join(':')}`;
  return upper === undefined || work === undefined ? lower : `${lower},upperdir=${escape(upper)},workdir=${escape(work)}`;
}
