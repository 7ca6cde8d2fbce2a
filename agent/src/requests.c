#include "requests.h"
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>
#include "helper.h"
#include "operations.h"
#include "proc.h"
#include "runtime.h"

static operation *operation_of(uint8_t type)
{
	switch (type) {
	case FRAME_MOUNT: return operation_mount;
	case FRAME_UMOUNT: return operation_umount;
	case FRAME_WRITE_FILE: return operation_write_file;
	case FRAME_READ_FILE: return operation_read_file;
	case FRAME_MKDIR: return operation_mkdir;
	case FRAME_REMOVE: return operation_remove;
	case FRAME_RESOLVE_USER: return operation_resolve_user;
	case FRAME_NET_VETH: return operation_net_veth;
	case FRAME_NET_LOOPBACK: return operation_net_loopback;
	case FRAME_NET_CONFIGURE: return operation_net_configure;
	case FRAME_NET_BRIDGE: return operation_net_bridge;
	case FRAME_NET_DELETE: return operation_net_delete;
	default: return NULL;
	}
}

static int send_signal(struct proc *proc, struct fields fields, struct error *err)
{
	int signal_number = (int)fields_number(fields, TAG_SIGNAL, 0);
	if (signal_number < 1 || signal_number > 64)
		return fail(err, "invalid", 0, "signal %d", signal_number);
	if (fields_number(fields, TAG_ALL, 0) && proc->container)
		return spawn_signal_all(proc->container, signal_number, err);
	if (kill(proc->pid, signal_number) < 0)
		return fail(err, errno == ESRCH ? "not-found" : "system", errno, "signal %d to process %u", signal_number, proc->id);
	return 0;
}

/* SIGNAL, RESIZE and RELEASE name a process that must exist. */
static void handle_process(struct connection *connection, const struct frame *request)
{
	struct fields fields = {request->payload, request->size};
	struct proc *proc = proc_find(request->proc);
	struct builder answer = {0};
	struct error err;
	int result = 0;
	if (!proc || (request->type != FRAME_RELEASE && !proc_alive(proc))) {
		result = fail(&err, "not-found", 0, "no running process %u", request->proc);
	} else if (request->type == FRAME_RELEASE) {
		proc_release(proc, connection, request);
		return;
	} else if (request->type == FRAME_RESIZE) {
		proc_resize(proc, (unsigned)fields_number(fields, TAG_ROWS, 0), (unsigned)fields_number(fields, TAG_COLS, 0));
	} else {
		result = send_signal(proc, fields, &err);
	}
	if (result < 0)
		connection_refuse(connection, request, &err);
	else
		connection_answer(connection, request, &answer);
}

bool request_handle(struct connection *connection, const struct frame *request)
{
	operation *carry_out = operation_of(request->type);
	if (carry_out) {
		struct builder answer = {0};
		struct error err;
		if (carry_out((struct fields){request->payload, request->size}, &answer, &err) < 0) {
			builder_free(&answer);
			connection_refuse(connection, request, &err);
		} else {
			connection_answer(connection, request, &answer);
		}
		return true;
	}
	switch (request->type) {
	case FRAME_START_RUNTIME:
		runtime_start(connection, request);
		return true;
	case FRAME_START_HELPER:
		helper_start(connection, request);
		return true;
	case FRAME_SIGNAL:
	case FRAME_RESIZE:
	case FRAME_RELEASE:
		handle_process(connection, request);
		return true;
	default:
		return false;
	}
}

static void put_u32(uint8_t *p, uint32_t number)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(number >> (8 * i));
}

void request_state(struct connection *connection, const struct frame *request, const char *sandbox_state, pid_t sandbox_pid)
{
	struct builder answer = {0};
	for (struct proc *proc = proc_first(); proc; proc = proc->next) {
		uint8_t entry[32];
		put_u32(entry, proc->id);
		put_u32(entry + 4, (uint32_t)proc->state);
		put_u32(entry + 8, (uint32_t)proc->pid);
		put_u32(entry + 12, (uint32_t)proc->exit_code);
		put_u32(entry + 16, (uint32_t)proc->signal);
		put_u32(entry + 20, proc->oom);
		put_u32(entry + 24, (uint32_t)proc->exit_time_ns);
		put_u32(entry + 28, (uint32_t)(proc->exit_time_ns >> 32));
		builder_bytes(&answer, TAG_STATE_ENTRY, entry, sizeof entry);
	}
	builder_number(&answer, TAG_PID, (uint64_t)getpid());
	if (sandbox_pid > 0)
		builder_number(&answer, TAG_PID, (uint64_t)sandbox_pid);
	builder_string(&answer, TAG_SANDBOX_STATE, sandbox_state);
	connection_answer(connection, request, &answer);
}
