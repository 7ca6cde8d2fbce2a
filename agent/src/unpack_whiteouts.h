#pragma once
#include "error.h"

/* Turns the whiteouts of an unpacked layer (`.wh.NAME`, `.wh..wh..opq`) into overlayfs's form. Follows no link, crosses no mount. */
int unpack_whiteouts(int layer_fd, struct error *err);
