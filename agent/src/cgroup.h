#pragma once
#include <stdbool.h>

/* Whether the kernel's OOM killer struck in one of these cgroup directories (v1 memory.oom_control, v2 memory.events); list may be NULL. */
bool cgroup_oom_killed(char *const *directories);
/* Moves a process into a cgroup directory: 0 is the caller. */
int cgroup_join(const char *directory, int pid);
