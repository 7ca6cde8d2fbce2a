/* The requests that a shim and a guest's agent answer alike. */
#pragma once
#include <stdbool.h>
#include <sys/types.h>
#include "connection.h"

/* Carries out and answers; false when the type is none of these. */
bool request_handle(struct connection *connection, const struct frame *request);
/* The answer to STATE; sandbox_pid is QEMU's, 0 without one. */
void request_state(struct connection *connection, const struct frame *request, const char *sandbox_state, pid_t sandbox_pid);
