#pragma once
#include "proc.h"

/* Writes EXIT_PATH by temporary name and rename (docs/agent-protocol.md, "Exit record and logs"); without a path, nothing. */
void exit_record_write(const struct proc *proc);
