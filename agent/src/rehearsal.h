/*
 * Translating code that runs for the first time is what an emulated guest's time goes into, and what one processor runs is translated for
 * all: a second one looks up the files that a container's start is about to read, runs a program and ends, while the first is still at what
 * comes before that (docs/decisions/0015).
 */
#pragma once
#include <sys/types.h>
#include "fields.h"

/* Makes a process ready, in a template, that rehearses in the root of the container `init`. Nothing with one processor. */
void rehearsal_prepare(pid_t init);
/* Begins it, with the files PATH*. Without effect when none is ready. */
void rehearsal_begin(struct fields request);
/* What has not begun by now is not needed any more. */
void rehearsal_forget(void);
