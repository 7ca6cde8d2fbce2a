#pragma once
#include "error.h"

/* Writes to stdout what is at `path`: "MODE SIZE SECONDS NANOSECONDS", a NUL, and where it leads in the end when it is a link (a path from
 * the root, whether there is anything or not), a NUL. */
int files_stat(const char *path, struct error *err);
