#pragma once
#include "error.h"

/* Writes to stdout how many bytes the files below the working directory have, each inode counted once. */
int files_usage(struct error *err);
