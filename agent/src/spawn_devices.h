#pragma once
#include <stdbool.h>
#include "error.h"

/* Which devices the processes of a cgroup (version 2) may use: Docker's usual ones, or all. Nodes can be made of any. */
int spawn_devices_restrict(const char *directory, bool all, struct error *err);
