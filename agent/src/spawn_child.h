/* The steps of a process to be, shared by a container's init, an exec and an init that was prepared. */
#pragma once
#include "fields.h"
#include "operations.h"

void child_take_stdio(struct spawn_stdio stdio);
void child_name_host(struct fields request);
void child_adjust_oom_score(struct fields request);
/* Inside its namespaces and root: everything from its session to exec. */
_Noreturn void child_become_command(struct fields request, int terminal, int is_init);
