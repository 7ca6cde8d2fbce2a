#pragma once
#include "error.h"
#include "fields.h"

/* ENV with HOME completed; the list is kept until exec. NULL without memory. */
char **spawn_environment(struct fields request, const char *home);
/* Executes the command, looked up in the container's PATH; returns only when that failed, with `not-found` or `not-executable`. */
void spawn_execute(char **arguments, char **environment, struct error *err);
