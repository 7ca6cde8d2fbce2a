#pragma once
#include "error.h"
#include "fields.h"

/* In the child, in its own mount namespace: everything that a container finds mounted, then the root is changed to ROOT. */
int spawn_rootfs_enter(struct fields request, int terminal, struct error *err);
