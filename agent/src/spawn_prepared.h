/* A container's init made ahead, in the template of a VM that will have one container. */
#pragma once
#include <sched.h>
#include "operations.h"

/* What an init gets of its own; the network is the VM's. */
enum { INIT_NAMESPACES = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS };

/* The prepared init takes the request; without one that fits, what was prepared is given up. 0: go the long way. */
pid_t spawn_use_prepared(struct fields request, struct spawn_stdio stdio, const char *container, struct error *err);
