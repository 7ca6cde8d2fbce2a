/* QEMU's monitor: one command at a time, in order, descriptors passed along. */
#pragma once
#include <stdbool.h>
#include "fields.h"

/* line is NULL when QEMU went away. */
typedef void qmp_answer(void *owner, const char *line, bool is_error);

void qmp_open(int fd);
void qmp_close(void);
/* Queues a command; fds (closed here) go with it. owner may be set to NULL later by qmp_disown. */
void qmp_send(const char *command, const int *fds, unsigned fd_count, qmp_answer *answer, void *owner);
void qmp_disown(void *owner);
/* Forgets what was not sent yet: a script stops at its first error. */
void qmp_drop_queue(void);
