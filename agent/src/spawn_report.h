/* How a process to be tells its parent what became of it, through a socket that exec closes. */
#pragma once
#include <sys/types.h>
#include "error.h"

/* Makes the two ends; the child gives its own to report_from. */
int report_open(int ends[2], struct error *err);
void report_from(int socket);
int report_descriptor(void);
/* In the process that stays as an init: the parent must not wait for its end. */
void report_end(void);
/* The terminal's master goes to the parent. */
void report_master(int master);
/* The process itself, of an exec. */
void report_pid(pid_t pid);
/* It failed: tells why and ends. */
_Noreturn void report_failure(const struct error *err);
/* In the parent: waits until the child executed (0) or failed (-1). */
int report_take(int socket, pid_t *inner, int *master, struct error *err);
