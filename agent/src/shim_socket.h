/* The socket that a shim serves, DIR/shim.sock. */
#pragma once
#include "error.h"

/* A listening, non-blocking descriptor; what an earlier shim left there is replaced. */
int shim_listen(const char *directory, struct error *err);
void shim_unlisten(const char *directory);
