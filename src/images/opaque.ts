import koffi from 'koffi';

const lgetxattr = koffi.load(null).func('intptr_t lgetxattr(const char *path, const char *name, _Out_ uint8_t *value, uintptr_t size)');

/** Whether overlayfs shows nothing of the layers below in this directory. Node reads no extended attributes. */
export function isOpaque(directory: string): boolean {
  const value = Buffer.alloc(1);
  return Number(lgetxattr(directory, 'trusted.overlay.opaque', value, value.length)) === 1 && value.toString() === 'y';
}
