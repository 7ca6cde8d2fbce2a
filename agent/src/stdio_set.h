/* The pipes between a process and its table entry. */
#pragma once
#include <stdbool.h>
#include "error.h"

struct stdio_set {
	int in, out, err;                         /* ours; -1 where there is none */
	int child_in, child_out, child_err;       /* the process's */
};

/* Pipes; without stdin the process reads /dev/null. */
int stdio_pipes(struct stdio_set *set, bool with_stdin, struct error *err);
/* Makes the pipes of the next process now: a template does, so that its clones need not. */
void stdio_prepare(void);
void stdio_close_child(struct stdio_set *set);
void stdio_close(struct stdio_set *set);
