#pragma once
#include <sys/types.h>
#include "error.h"
#include "fields.h"

/* The shim's ends of what it shares with QEMU. */
struct vm_ends {
	int serial, qmp, output;
};

/* Starts QEMU as VM_START says (docs/agent-protocol.md); the shim keeps the other ends. */
pid_t vm_launch(struct fields request, struct vm_ends *ends, struct error *err);
