#pragma once
#include "error.h"
#include "fields.h"
#include "user.h"

/* RLIMIT*; one that may not be raised is lowered to the ceiling. */
int spawn_set_limits(struct fields request, struct error *err);
/* Becomes the user with the capabilities of CAP_*, no_new_privs and the SECCOMP filter. Nothing but exec should follow. */
int spawn_drop_privileges(struct fields request, const struct resolved_user *user, struct error *err);
