/* Whether the guest's OOM killer struck in a container, told by the kernel: nothing is read when nothing happened. */
#pragma once
#include <stdbool.h>

/* Begins to watch the container's cgroup at this directory; once for each. */
void oom_watch(const char *container, const char *directory);
/* What was told so far; read afresh where `suspected`, since the news may still be on its way. */
bool oom_struck(const char *container, bool suspected);
void oom_forget(const char *container);
