#pragma once
#include <stdbool.h>
#include <sys/types.h>
#include "error.h"
#include "fields.h"

/* The guest's cgroup (version 2) of a container, with LIMIT_*; existing is fine. */
int spawn_cgroup_create(const char *container, struct fields request, struct error *err);
/* LIMIT_* of one that is there. */
int spawn_cgroup_limit(const char *container, struct fields request, struct error *err);
/* As cgroup_clone (cgroup.h), into the container's. */
pid_t spawn_cgroup_clone(const char *container, int flags, bool *inside);
int spawn_cgroup_join(const char *container, struct error *err);
