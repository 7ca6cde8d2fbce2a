#pragma once
#include "error.h"
#include "fields.h"

/* In the container: a pseudo terminal of its own devpts, so that its name is found there, as descriptors 0, 1 and 2 with ROWS and COLS; for an init
 * also /dev/console. Returns the master. */
int spawn_terminal_open(struct fields request, int is_init, struct error *err);
