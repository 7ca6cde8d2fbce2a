#pragma once
#include <stdbool.h>
#include <sys/types.h>

/* Whether the kernel's OOM killer struck in one of these cgroup directories (v1 memory.oom_control, v2 memory.events); list may be NULL. */
bool cgroup_oom_killed(char *const *directories);
/* clone(2) without a stack, the child in these cgroups' directories from its first instruction where the kernel can do that: then *inside.
 * Else the child calls cgroup_join. NULL: no cgroups. */
pid_t cgroup_clone(char *const *directories, int flags, bool *inside);
/* Moves the caller, which must have one thread, into each of the directories. On failure *failed is the one and errno the reason. */
int cgroup_join(char *const *directories, const char **failed);
