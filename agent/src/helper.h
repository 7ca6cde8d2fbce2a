#pragma once
#include "connection.h"

/* START_HELPER: one of the agent's own commands (`files`), as a process that clients attach to like to any other; it is not among a
 * container's processes. */
void helper_start(struct connection *connection, const struct frame *request);
