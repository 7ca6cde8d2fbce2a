#pragma once
#include <stdbool.h>
#include "error.h"

struct put_options {
	bool keep_kinds;  /* a directory is not replaced by something else, nor something else by a directory */
	const char *user; /* whose everything becomes, resolved in the root; NULL: as the archive says */
};

/* Unpacks the tar on stdin into the directory `path` (links followed). */
int files_put(const char *path, const struct put_options *options, struct error *err);
