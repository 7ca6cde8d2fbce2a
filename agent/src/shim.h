#pragma once
#include <stdbool.h>
/* The shim: serves one host container or one VM from the directory until its work is done; an ephemeral one no longer than its first client
 * stays. Returns the process's exit status. */
int shim_main(const char *directory, bool ephemeral);
/* A line in DIR/shim.log. */
void shim_log(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* That file's descriptor: for the messages of a program that the shim runs. */
int shim_log_fd(void);
/* Ends the shim once it has nothing left to do. */
void shim_check_idle(void);
