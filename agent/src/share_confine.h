/* The file server's walls, and the few things that it does by the way it keeps through them: /proc/self/fd. */
#pragma once
#include <sys/types.h>
#include "error.h"

/* In namespaces of its own already: makes `directory` the root, drops what is not needed of capabilities, and filters system calls. What is
 * mounted below the directory later appears here too. Returns an O_PATH descriptor of the root. */
int share_confine(const char *directory, struct error *err);
/* Opens anew what a descriptor, of O_PATH too, names. */
int share_reopen(int fd, int flags);
/* A negative errno, or 0. */
int share_set_mode(int fd, mode_t mode);
int share_link(int fd, int directory, const char *name);
/* What is made meanwhile belongs to them; capabilities stay. */
void share_become(uid_t uid, gid_t gid);
void share_become_root(void);
