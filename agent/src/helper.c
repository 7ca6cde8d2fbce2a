#include "helper.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "cleanup.h"
#include "proc.h"
#include "runtime.h"
#include "stdio_set.h"

static char self[] = "/proc/self/exe";

void helper_start(struct connection *connection, const struct frame *request)
{
	struct fields fields = {request->payload, request->size};
	struct error err;
	struct stdio_set set;
	cleanup_free char **words = fields_strings(fields, TAG_ARG);
	size_t count = fields_count(fields, TAG_ARG);
	cleanup_free char **arguments = words && count ? calloc(count + 2, sizeof *arguments) : NULL;
	struct proc *proc = arguments && request->proc ? proc_obtain(request->proc) : NULL;
	if (!proc || proc->state != PROC_EXPECTED || proc->starting) {
		fail(&err, "invalid", 0, "helper %u cannot be started: in use, no command, or no memory", request->proc);
		connection_refuse(connection, request, &err);
		return;
	}
	arguments[0] = self;
	memcpy(arguments + 1, words, count * sizeof *words);
	proc->init = false;
	proc->helper = true;
	proc->stdin_open = fields_number(fields, TAG_STDIO, 0) & 2;
	if (stdio_pipes(&set, proc->stdin_open, &err) < 0) {
		connection_refuse(connection, request, &err);
		proc_forget(proc);
		return;
	}
	pid_t pid = runtime_spawn(arguments, set.child_in, set.child_out, set.child_err);
	int saved = errno;
	stdio_close_child(&set);
	if (pid < 0) {
		stdio_close(&set);
		fail(&err, "system", saved, "fork");
		connection_refuse(connection, request, &err);
		proc_forget(proc);
		return;
	}
	struct builder answer = {0};
	builder_number(&answer, TAG_PID, (uint64_t)pid);
	connection_answer(connection, request, &answer);
	proc_run(proc, pid, STEAL_FD(set.in), STEAL_FD(set.out), STEAL_FD(set.err));
}
