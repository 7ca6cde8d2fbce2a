/* The requests that a shim and a guest's agent answer alike. */
#pragma once
#include <stdbool.h>
#include "connection.h"

/* Carries out and answers; false when the type is none of these. */
bool request_handle(struct connection *connection, const struct frame *request);
/* The answer to STATE. */
void request_state(struct connection *connection, const struct frame *request, const char *sandbox_state);
