#pragma once
#include "error.h"

/* Writes to stdout what is at `path` (a link's is the link itself), and all below it when it is a directory, as a tar in which `path`
 * is called `name`; with an empty name only what is below a directory, as it is called there. */
int files_get(const char *path, const char *name, struct error *err);
