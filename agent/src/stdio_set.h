/* The descriptors between a process and its table entry: pipes, or a pseudo terminal. */
#pragma once
#include <stdbool.h>
#include "error.h"

struct stdio_set {
	int in, out, err;                         /* ours; -1 where there is none */
	int child_in, child_out, child_err;       /* the process's */
};

/* Pipes; without stdin the process reads /dev/null. */
int stdio_pipes(struct stdio_set *set, bool with_stdin, struct error *err);
/* A terminal of this size: in and out are the master, the child's three are the slave. */
int stdio_terminal(struct stdio_set *set, unsigned rows, unsigned cols, struct error *err);
void stdio_close_child(struct stdio_set *set);
void stdio_close(struct stdio_set *set);
