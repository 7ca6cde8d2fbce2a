/* The ends of child processes: of helpers that are waited for, of containers' processes, and of those nobody has asked for yet. */
#pragma once
#include <stdbool.h>
#include <sys/types.h>

struct job {
	pid_t pid;
	void (*done)(struct job *job, int status);
	void *owner;
	struct job *next;
};

void children_expect(struct job *job);
void children_forget(struct job *job);
/* Between begin and end a process is being started whose pid is not known yet: ends of strangers are kept. */
void children_expect_unknown(bool begin);
/* An end that was reaped before its process was known: true, and its status, once. */
bool children_take_early(pid_t pid, int *status);
/* Reaps all that ended. */
void children_reap(void);
