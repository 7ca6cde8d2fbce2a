#include "children.h"
#include <stddef.h>
#include <string.h>
#include <sys/wait.h>
#include "proc.h"

enum { EARLY = 256 };

static struct job *jobs;
static struct {
	pid_t pid;
	int status;
} early[EARLY];
static unsigned early_next;
static int expected;

void children_expect(struct job *job)
{
	job->next = jobs;
	jobs = job;
}

void children_forget(struct job *job)
{
	for (struct job **at = &jobs; *at; at = &(*at)->next) {
		if (*at == job) {
			*at = job->next;
			return;
		}
	}
}

void children_expect_unknown(bool begin)
{
	expected += begin ? 1 : -1;
	if (expected == 0)
		memset(early, 0, sizeof early);
}

bool children_take_early(pid_t pid, int *status)
{
	for (unsigned i = 0; i < EARLY; i++) {
		if (early[i].pid == pid) {
			*status = early[i].status;
			early[i].pid = 0;
			return true;
		}
	}
	return false;
}

static void ended(pid_t pid, int status)
{
	for (struct job *job = jobs; job; job = job->next) {
		if (job->pid == pid) {
			children_forget(job);
			job->done(job, status);
			return;
		}
	}
	struct proc *proc = proc_find_pid(pid);
	if (proc) {
		proc_exited(proc, status);
		return;
	}
	if (!expected)
		return;
	early[early_next % EARLY].pid = pid;
	early[early_next % EARLY].status = status;
	early_next++;
}

void children_reap(void)
{
	int status;
	pid_t pid;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		ended(pid, status);
}
