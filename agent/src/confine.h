#pragma once
#include <sys/types.h>
#include "error.h"
#include "fields.h"

/* In the child that becomes QEMU: gives up capabilities and root (UID, GID, GROUP*), sets no_new_privs and Landlock
 * (LANDLOCK_READ*), and dies with `parent`. Landlock missing in the kernel is no error. */
int confine_self(struct fields request, pid_t parent, struct error *err);
