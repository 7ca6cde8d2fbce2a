#include "vm.h"
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>
#include "children.h"
#include "cleanup.h"
#include "console.h"
#include "guest_link.h"
#include "qmp.h"
#include "runtime.h"
#include "shim.h"
#include "vm_files.h"
#include "vm_launch.h"

/* A client that waits: for VM_START, QMP or GUEST. */
struct asker {
	struct client *client;
	struct frame request;
	unsigned open_lines;
	struct timer deadline;
	struct asker *next;
};

static enum { NONE, RUNNING, EXITED } state;
static struct job qemu;
static struct watch output;
static struct asker *askers;
static bool shutdown_asked, protocol_broken;
static char protocol_message[512];
static struct timer kill_timer;

pid_t vm_pid(void) { return state == RUNNING ? qemu.pid : 0; }
bool vm_running(void) { return state == RUNNING; }
const char *vm_state(void) { return state == NONE ? "none" : state == RUNNING ? "running" : "exited"; }

static struct asker *ask(struct client *client, const struct frame *request)
{
	struct asker *asker = calloc(1, sizeof *asker);
	if (!asker)
		return NULL;
	*asker = (struct asker){.client = client, .request = *request, .next = askers};
	asker->request.payload = NULL;
	askers = asker;
	return asker;
}

static void forget(struct asker *asker)
{
	for (struct asker **at = &askers; *at; at = &(*at)->next) {
		if (*at == asker) {
			*at = asker->next;
			break;
		}
	}
	loop_disarm(&asker->deadline);
	qmp_disown(asker);
	free(asker);
}

static void answer(struct asker *asker, struct builder *fields, const struct error *err)
{
	if (asker->client && err)
		connection_refuse(&asker->client->connection, &asker->request, err);
	else if (asker->client)
		connection_answer(&asker->client->connection, &asker->request, fields);
	forget(asker);
}

static void read_output(struct watch *watch, uint32_t events)
{
	(void)events;
	uint8_t bytes[8192];
	ssize_t count = read(watch->fd, bytes, sizeof bytes);
	if (count > 0) {
		console_add(bytes, (size_t)count);
	} else if (count == 0 || errno != EAGAIN) {
		loop_forget(watch);
		(void)close(watch->fd);
		watch->fd = -1;
	}
}

/* Why the VM ended, in one word of the protocol, with the words of whoever knows. */
static const char *reason_of(int status, char *message, size_t capacity)
{
	message[0] = 0;
	if (protocol_broken) {
		(void)snprintf(message, capacity, "%s", protocol_message);
		return "protocol";
	}
	if (shutdown_asked)
		return "shutdown";
	if (WIFSIGNALED(status)) {
		(void)snprintf(message, capacity, "QEMU was killed by signal %d", WTERMSIG(status));
		return "killed";
	}
	/* After what is certain: the console shows what the guest likes, also what looks like a panic. */
	if (console_panic(message, capacity))
		return "panic";
	if (WEXITSTATUS(status) != 0)
		console_tail(message, capacity);
	else
		(void)snprintf(message, capacity, "the guest reset or switched itself off");
	return "exited";
}

static void announce_end(int status)
{
	char message[560];
	const char *reason = reason_of(status, message, sizeof message);
	shim_log("the VM ended: %s %s (status 0x%x)", reason, message, status);
	guest_link_close();
	guest_link_end_processes();
	struct builder fields = {0};
	builder_string(&fields, TAG_REASON, reason);
	builder_string(&fields, TAG_MESSAGE, message);
	builder_number(&fields, TAG_EXIT_CODE, WIFEXITED(status) ? (uint64_t)WEXITSTATUS(status) : 0);
	builder_number(&fields, TAG_SIGNAL, WIFSIGNALED(status) ? (uint64_t)WTERMSIG(status) : 0);
	struct frame frame = {.type = FRAME_SANDBOX_EXIT, .payload = fields.data, .size = fields.size};
	clients_send(0, 0, &frame);
	builder_free(&fields);
}

static void qemu_ended(struct job *job, int status)
{
	(void)job;
	while (output.fd >= 0) {
		int before = output.fd;
		uint8_t bytes[8192];
		ssize_t count = read(before, bytes, sizeof bytes);
		if (count <= 0)
			break;
		console_add(bytes, (size_t)count);
	}
	state = EXITED;
	vm_files_end();
	loop_disarm(&kill_timer);
	struct error err;
	char tail[400];
	console_tail(tail, sizeof tail);
	fail(&err, "exited", 0, "QEMU ended: %s", *tail ? tail : "without a word");
	qmp_close();
	while (askers)
		answer(askers, NULL, &err);
	announce_end(status);
}

static void guest_lost(const struct error *err)
{
	protocol_broken = true;
	(void)snprintf(protocol_message, sizeof protocol_message, "%s", err->message);
	shim_log("%s", err->message);
	(void)kill(qemu.pid, SIGKILL);
}

static void serve_files(struct client *client, const struct frame *request)
{
	struct error err;
	struct builder nothing = {0};
	if (state != RUNNING || vm_files_serve((struct fields){request->payload, request->size}, guest_lost, &err) < 0) {
		if (state != RUNNING)
			fail(&err, "gone", 0, "the VM does not run");
		connection_refuse(&client->connection, request, &err);
		return;
	}
	connection_answer(&client->connection, request, &nothing);
}

static void line_answered(void *owner, const char *line, bool is_error)
{
	struct asker *asker = owner;
	struct builder fields = {0};
	if (!line)
		return; /* QEMU's end answers all */
	if (is_error && asker->request.type == FRAME_VM_START) {
		struct error err;
		fail(&err, "qmp", 0, "%s", line);
		answer(asker, NULL, &err);
		qmp_drop_queue();
	} else if (asker->request.type == FRAME_QMP) {
		builder_string(&fields, TAG_LINE, line);
		answer(asker, &fields, NULL);
	} else if (--asker->open_lines == 0) {
		answer(asker, &fields, NULL);
	}
}

static void start(struct client *client, const struct frame *request)
{
	struct fields fields = {request->payload, request->size};
	struct error err;
	struct vm_ends ends;
	if (state != NONE) {
		fail(&err, "invalid", 0, "this shim has its VM already");
		connection_refuse(&client->connection, request, &err);
		return;
	}
	cleanup_free char *console_path = fields_string(fields, TAG_CONSOLE_PATH);
	if (console_path)
		console_open(console_path);
	pid_t pid = vm_launch(fields, &ends, &err);
	if (pid < 0) {
		connection_refuse(&client->connection, request, &err);
		return;
	}
	state = RUNNING;
	qemu = (struct job){.pid = pid, .done = qemu_ended};
	children_expect(&qemu);
	output = (struct watch){.fd = ends.output, .ready = read_output};
	loop_watch(&output, EPOLLIN);
	struct asker *asker = ask(client, request);
	if (ends.qmp >= 0)
		qmp_open(ends.qmp);
	cleanup_free char **lines = fields_strings(fields, TAG_QMP_LINE);
	if (asker)
		asker->open_lines = (unsigned)fields_count(fields, TAG_QMP_LINE);
	for (char **line = lines; asker && line && *line; line++)
		qmp_send(*line, NULL, 0, line_answered, asker);
	if (ends.serial >= 0)
		guest_link_open(ends.serial, guest_lost);
	if (asker && asker->open_lines == 0) {
		struct builder nothing = {0};
		answer(asker, &nothing, NULL);
	}
}

static void forward_qmp(struct client *client, const struct frame *request)
{
	struct fields fields = {request->payload, request->size};
	struct error err;
	cleanup_free char *line = fields_string(fields, TAG_LINE);
	int fds[8];
	unsigned count = 0;
	size_t cursor = 0;
	struct value value;
	while (count < 8 && fields_next(fields, TAG_FD_OPEN, &cursor, &value)) {
		cleanup_free char *path = value.size > 8 ? value_string((struct value){value.data + 8, value.size - 8}) : NULL;
		int flags = value.size > 8 ? (int)(value.data[4] | value.data[5] << 8 | value.data[6] << 16 | (uint32_t)value.data[7] << 24) : 0;
		int fd = path ? open(path, flags | O_CLOEXEC, 0600) : -1;
		if (fd < 0) {
			fail(&err, "system", errno, "open %s", path ? path : "?");
			goto refused;
		}
		fds[count++] = fd;
	}
	if (!line || state != RUNNING) {
		fail(&err, "gone", 0, "%s", line ? "the VM does not run" : "QMP without LINE");
		goto refused;
	}
	struct asker *asker = ask(client, request);
	if (asker)
		qmp_send(line, fds, count, line_answered, asker);
	return;
refused:
	while (count)
		(void)close(fds[--count]);
	connection_refuse(&client->connection, request, &err);
}

static void guest_settled(void)
{
	struct asker *next;
	for (struct asker *asker = askers; asker; asker = next) {
		next = asker->next;
		if (asker->request.type != FRAME_GUEST)
			continue;
		struct builder fields = {0};
		struct error err;
		fail(&err, "gone", 0, "the VM ended before its agent answered");
		answer(asker, &fields, guest_link_ready() ? NULL : &err);
	}
}

static void guest_late(struct timer *timer)
{
	struct error err;
	char tail[300];
	console_tail(tail, sizeof tail);
	fail(&err, "timeout", 0, "the guest's agent did not answer in time; its console ends: %s", tail);
	answer(timer->owner, NULL, &err);
}

static void await_guest(struct client *client, const struct frame *request)
{
	struct asker *asker = ask(client, request);
	if (!asker)
		return;
	asker->deadline = (struct timer){.expired = guest_late, .owner = asker};
	loop_arm(&asker->deadline, fields_number((struct fields){request->payload, request->size}, TAG_GRACE, 30000));
	guest_link_when_ready(guest_settled);
}

static void release(struct client *client, const struct frame *request)
{
	struct proc *proc = proc_find(request->proc);
	bool tell = proc && proc->remote && proc->state == PROC_EXITED && guest_link_ready();
	uint32_t id = request->proc;
	if (!proc) {
		struct error err;
		fail(&err, "not-found", 0, "no process %u", id);
		connection_refuse(&client->connection, request, &err);
		return;
	}
	proc_release(proc, &client->connection, request);
	struct builder nothing = {0};
	if (tell)
		guest_link_tell(FRAME_RELEASE, id, &nothing);
	shim_check_idle();
}

void vm_client_left(const struct client *client)
{
	guest_link_client_gone(client);
	for (struct asker *asker = askers; asker; asker = asker->next)
		if (asker->client == client)
			asker->client = NULL;
}

void vm_init(void) { output.fd = -1; }

/* What HOST may ask of a VM's shim; everything else there is the guest's. */
static bool is_for_host(uint8_t type)
{
	return (type >= FRAME_MOUNT && type <= FRAME_REMOVE) || (type >= FRAME_NET_VETH && type <= FRAME_NET_DELETE);
}

bool vm_handle(struct client *client, const struct frame *request)
{
	switch (request->type) {
	case FRAME_VM_START:
		start(client, request);
		return true;
	case FRAME_QMP:
		forward_qmp(client, request);
		return true;
	case FRAME_FILES_SERVE:
		serve_files(client, request);
		return true;
	case FRAME_GUEST:
		await_guest(client, request);
		return true;
	default:
		break;
	}
	if (state == NONE || (is_for_host(request->type) && fields_number((struct fields){request->payload, request->size}, TAG_HOST, 0)))
		return false;
	if (request->type == FRAME_RELEASE)
		release(client, request);
	else
		guest_link_forward(client, request);
	return true;
}

static void kill_qemu(struct timer *timer)
{
	(void)timer;
	(void)kill(qemu.pid, SIGKILL);
}

void vm_shut_down(uint64_t grace_ms)
{
	shutdown_asked = true;
	struct builder fields = {0};
	builder_number(&fields, TAG_GRACE, grace_ms);
	if (guest_link_ready() && grace_ms > 0) {
		guest_link_tell(FRAME_SHUTDOWN, 0, &fields);
		kill_timer.expired = kill_qemu;
		loop_arm(&kill_timer, grace_ms + 2000);
	} else {
		builder_free(&fields);
		(void)kill(qemu.pid, SIGKILL);
	}
}
