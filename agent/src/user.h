/* Who a process runs as: Docker's USER strings, resolved by a root filesystem's own etc/passwd and etc/group. */
#pragma once
#include <stddef.h>
#include <sys/types.h>
#include "error.h"

struct resolved_user {
	uid_t uid;
	gid_t gid;
	gid_t groups[64]; /* the primary group first */
	size_t group_count;
	char home[256];
};

/* user is "", NAME, UID, NAME:GROUP, ...; group_add ends with NULL and may itself be NULL. The files are the image's: nothing in them
 * is trusted, and no link in them leads out of root. */
int user_resolve(int root_fd, const char *user, char *const *group_add, struct resolved_user *out, struct error *err);
