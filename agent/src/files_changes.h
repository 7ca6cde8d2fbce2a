#pragma once
#include "error.h"

/* Writes to stdout what an overlay's upper layer (the working directory) changes of what is below it: for each change `A`, `C` or `D`,
 * a space, the path, a NUL. What lies below is the directory `lower`. */
int files_changes(int lower, struct error *err);
