/* The part of a shim that owns a VM: QEMU, its QMP and console, and the link to the guest's agent. */
#pragma once
#include <stdbool.h>
#include "clients.h"

void vm_init(void);
/* Answers under way to this client are dropped. */
void vm_client_left(const struct client *client);
bool vm_running(void);
/* QEMU's process, 0 when it does not run. */
pid_t vm_pid(void);
/* `none`, `running` or `exited`. */
const char *vm_state(void);
/* Carries out, or passes to the guest, what is for the VM; false when the request is the shim's own. */
bool vm_handle(struct client *client, const struct frame *request);
void vm_shut_down(uint64_t grace_ms);
