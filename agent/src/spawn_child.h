/* The steps of a process to be, shared by a container's init, an exec and an init that was prepared. */
#pragma once
#include "fields.h"
#include "operations.h"

void child_take_stdio(struct spawn_stdio stdio);
void child_name_host(struct fields request);
void child_adjust_oom_score(struct fields request, const char *path);
/* A session of its own, signals and umask as a new process expects them. */
void child_begin_session(void);
/* Inside its namespaces and root: everything from its session to exec. */
_Noreturn void child_become_command(struct fields request, int terminal, int is_init);
/* The same for an init that was prepared: its session, limits, filter and bounding set are there. terminal: its descriptor, or -1. */
_Noreturn void child_become_prepared(struct fields request, int terminal);
