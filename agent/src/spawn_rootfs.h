#pragma once
#include "error.h"
#include "fields.h"

/* In the child, in its own mount namespace: everything that a container finds mounted, then the root is changed to ROOT. */
int spawn_rootfs_enter(struct fields request, struct error *err);

/* The same in two halves, for a container that is prepared before its image is known: first what all have in common, on a stage, with
 * MASKED, READONLY and SHM_SIZE; then the rest, when ROOT is there. Mounts that the agent makes in between arrive by propagation. */
int spawn_rootfs_stage(struct fields request, struct error *err);
int spawn_rootfs_enter_staged(struct fields request, struct error *err);
