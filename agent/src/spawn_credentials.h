#pragma once
#include <stdbool.h>
#include <sys/types.h>
#include "error.h"
#include "fields.h"
#include "user.h"

/* RLIMIT* of a process, 0 for the caller; one that may not be raised is lowered to the ceiling. */
int spawn_set_limits(struct fields request, pid_t pid, struct error *err);
/* The bounding set and the SECCOMP filter, while they still can be set: with no_new_privs the filter follows in spawn_become. */
int spawn_restrict(struct fields request, struct error *err);
/* Becomes the user with the capabilities of CAP_* and no_new_privs. Nothing but exec should follow. filtered: the filter is there already. */
int spawn_become(struct fields request, const struct resolved_user *user, bool filtered, struct error *err);
