#pragma once
#include "error.h"
#include "fields.h"

/* The guest's cgroup (version 2) of a container, with LIMIT_*; existing is fine. */
int spawn_cgroup_create(const char *container, struct fields request, struct error *err);
/* LIMIT_* of one that is there. */
int spawn_cgroup_limit(const char *container, struct fields request, struct error *err);
int spawn_cgroup_join(const char *container, struct error *err);
