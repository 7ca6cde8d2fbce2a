#pragma once
#include <sys/types.h>

/* Creates a directory and its parents (0755 for those); one that is there is fine. */
int path_mkdirs(const char *path, mode_t mode);
/* Opens `path` as seen inside `root`: no link and no `..` leads out of it (openat2(2), RESOLVE_IN_ROOT). */
int path_open_in(int root_fd, const char *path, int flags);
/* Creates a mount point inside root, a directory or an empty file, and opens it with O_PATH. */
int path_mount_point(int root_fd, const char *path, int is_directory);
/* Removes `name` and all below it, on one device, by descriptors that follow no link; one that is not there is fine. In files.c. */
int path_remove_below(int parent, const char *name, dev_t device);
int path_write(const char *path, const char *text);
