/* A container's mounts, in its own mount namespace, in the order of these calls. */
#pragma once
#include "error.h"
#include "fields.h"
#include "spawn_files.h"

/* What every container finds mounted below ROOT, with SHM_SIZE and PRIVILEGED, and `count` files to be placed. Returns ROOT's descriptor. */
int spawn_rootfs_mount(struct fields request, size_t count, struct spawn_files *files, struct error *err);
/* What the request alone brings: DEVICE, TMPFS, BIND, FILE. Sources of binds are those of the caller's root. */
int spawn_rootfs_fill(int root, struct fields request, const struct spawn_files *files, struct error *err);
/* Changes the root and closes it; then SYSCTL, READONLY and MASKED. */
int spawn_rootfs_change(int root, struct fields request, struct error *err);
/* READONLY_ROOT, the last. */
int spawn_rootfs_finish(struct fields request, struct error *err);
