#include "guest.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "children.h"
#include "cleanup.h"
#include "operations.h"
#include "proc.h"
#include "requests.h"
#include "runtime.h"
#include "spawn_oom.h"
#include "stdio_set.h"

enum { WINDOW = 262144, ACK_EVERY = 65536 };

static struct connection link_connection;
static bool on_virtio;

static void send_data(struct proc *proc, enum stream stream, const uint8_t *data, size_t size)
{
	struct frame frame = {
		.type = FRAME_DATA, .stream = (uint8_t)stream, .proc = proc->id, .position = proc->position[stream] - size, .payload = data, .size = size,
	};
	connection_send(&link_connection, &frame);
}

static void send_eof(struct proc *proc, enum stream stream)
{
	struct frame frame = {.type = FRAME_EOF, .stream = (uint8_t)stream, .proc = proc->id, .position = proc->position[stream]};
	connection_send(&link_connection, &frame);
}

static void forget_helper(void *argument) { proc_forget(argument); }

static void send_exit(struct proc *proc)
{
	if (proc->init && proc->container && oom_struck(proc->container, proc->signal == SIGKILL || proc->exit_code == 128 + SIGKILL))
		proc->oom = true;
	struct builder fields = {0};
	builder_number(&fields, TAG_EXIT_CODE, (uint64_t)proc->exit_code);
	builder_number(&fields, TAG_SIGNAL, (uint64_t)proc->signal);
	builder_number(&fields, TAG_OOM, proc->oom);
	builder_number(&fields, TAG_TIME, proc->exit_time_ns);
	struct frame frame = {.type = FRAME_EXIT, .proc = proc->id, .payload = fields.data, .size = fields.size};
	connection_send(&link_connection, &frame);
	builder_free(&fields);
	/* After the news: a guest with one container is about to be switched off. */
	if (proc->held_namespace >= 0)
		(void)close(STEAL_FD(proc->held_namespace));
	if (proc->init)
		spawn_end_helper();
	if (proc->init && proc->container)
		spawn_cleanup(proc->container);
	runtime_cleanup(proc);
	if (proc->helper)
		loop_defer(forget_helper, proc);
}

static size_t room(struct proc *proc, enum stream stream)
{
	uint64_t under_way = proc->position[stream] - proc->acknowledged[stream];
	return under_way >= WINDOW ? 0 : (size_t)(WINDOW - under_way);
}

static void consumed(struct proc *proc, size_t size)
{
	proc->position[STREAM_STDIN] += size;
	proc->unreported[STREAM_STDIN] += size;
	if (proc->unreported[STREAM_STDIN] < ACK_EVERY && proc->pending_size)
		return;
	struct frame ack = {.type = FRAME_ACK, .stream = STREAM_STDIN, .proc = proc->id, .position = proc->position[STREAM_STDIN]};
	proc->unreported[STREAM_STDIN] = 0;
	connection_send(&link_connection, &ack);
}

static const struct sink link_sink = {.data = send_data, .eof = send_eof, .exit = send_exit, .room = room, .consumed = consumed};

static void start_process(const struct frame *request)
{
	struct fields fields = {request->payload, request->size};
	struct error err;
	struct stdio_set set = {-1, -1, -1, -1, -1, -1};
	uint32_t join = (uint32_t)fields_number(fields, TAG_JOIN, 0);
	struct proc *init = join ? proc_find(join) : NULL;
	struct proc *proc = proc_obtain(request->proc);
	if (!proc || proc->state != PROC_EXPECTED || proc->starting || (join && (!init || !proc_alive(init)))) {
		fail(&err, "invalid", 0, join ? "the container of process %u is not running" : "process %u cannot be started", join ? join : request->proc);
		connection_refuse(&link_connection, request, &err);
		if (proc && proc->state == PROC_EXPECTED)
			proc_forget(proc);
		return;
	}
	proc->init = join == 0;
	int made = proc_configure(proc, fields, &err);
	if (made == 0 && !proc->terminal)
		made = stdio_pipes(&set, proc->stdin_open, &err);
	struct spawn_stdio stdio = {.in = set.child_in, .out = set.child_out, .err = set.child_err, .terminal = proc->terminal, .master = &set.out};
	pid_t pid = made < 0 ? -1 : spawn_process(fields, stdio, init ? init->pid : 0, &err);
	stdio_close_child(&set);
	if (pid < 0) {
		stdio_close(&set);
		connection_refuse(&link_connection, request, &err);
		proc_forget(proc);
		return;
	}
	if (proc->terminal)
		set.in = fcntl(set.out, F_DUPFD_CLOEXEC, 3);
	struct builder answer = {0};
	builder_number(&answer, TAG_PID, (uint64_t)pid);
	connection_answer(&link_connection, request, &answer);
	proc_run(proc, pid, STEAL_FD(set.in), STEAL_FD(set.out), STEAL_FD(set.err));
	stdio_close(&set);
	if (proc->init)
		proc->held_namespace = spawn_hold_namespace(pid);
}

static struct timer power_off_timer;

/* TERM was sent; what is left when the time is up, or all have ended, is killed with the machine's end. */
static void power_off_now(struct timer *timer)
{
	for (struct proc *proc = proc_first(); proc; proc = proc->next)
		if (proc_alive(proc) && proc->init)
			(void)kill(proc->pid, SIGKILL);
	(void)timer;
	connection_flush(&link_connection);
	if (on_virtio)
		guest_power_off();
	loop_stop();
}

static void shut_down(const struct frame *request)
{
	uint64_t grace = fields_number((struct fields){request->payload, request->size}, TAG_GRACE, 0);
	bool running = false;
	struct builder answer = {0};
	connection_answer(&link_connection, request, &answer);
	for (struct proc *proc = proc_first(); proc; proc = proc->next) {
		if (proc_alive(proc) && proc->init) {
			running = true;
			(void)kill(proc->pid, SIGTERM);
		}
	}
	power_off_timer.expired = power_off_now;
	loop_arm(&power_off_timer, running ? grace : 0);
}

/* A new session: the host's shim has just begun. */
static void greet(const struct frame *request)
{
	struct builder answer = {0};
	builder_number(&answer, TAG_SESSION, fields_number((struct fields){request->payload, request->size}, TAG_SESSION, 0));
	connection_answer(&link_connection, request, &answer);
}

/* What was read of the device SOURCE, which will have another content. */
static void forget_content(struct fields request)
{
	cleanup_free char *device = fields_string(request, TAG_SOURCE);
	cleanup_close int fd = device ? open(device, O_RDONLY | O_CLOEXEC) : -1;
	if (fd >= 0)
		(void)ioctl(fd, BLKFLSBUF, 0);
}

static void take_ack(const struct frame *frame)
{
	struct proc *proc = proc_find(frame->proc);
	if (!proc || frame->position > proc->position[frame->stream])
		return;
	proc->acknowledged[frame->stream] = frame->position;
	proc_resume(proc);
}

static void on_frame(struct connection *connection, const struct frame *frame)
{
	struct fields fields = {frame->payload, frame->size};
	struct proc *proc;
	struct error err;
	switch (frame->type) {
	case FRAME_HELLO:
		greet(frame);
		return;
	case FRAME_IDENTITY: {
		struct builder answer = {0};
		if (operation_identity(fields, &answer, &err) < 0)
			connection_refuse(connection, frame, &err);
		else
			connection_answer(connection, frame, &answer);
		return;
	}
	case FRAME_PREPARE: {
		struct builder answer = {0};
		int made = spawn_prepare(fields, &err);
		stdio_prepare();
		sync(); /* what the template's disk shows is what its memory knows */
		forget_content(fields);
		if (made < 0)
			connection_refuse(connection, frame, &err);
		else
			connection_answer(connection, frame, &answer);
		return;
	}
	case FRAME_START_PROCESS:
		start_process(frame);
		return;
	case FRAME_STATE:
		request_state(connection, frame, "running", 0);
		return;
	case FRAME_SHUTDOWN:
		shut_down(frame);
		return;
	case FRAME_ACK:
		take_ack(frame);
		return;
	case FRAME_DATA:
	case FRAME_EOF:
		proc = proc_find(frame->proc);
		if (proc && frame->stream == STREAM_STDIN && frame->type == FRAME_DATA)
			proc_write_stdin(proc, frame->payload, frame->size);
		else if (proc && frame->stream == STREAM_STDIN)
			proc_end_stdin(proc);
		return;
	default:
		break;
	}
	if (request_handle(connection, frame))
		return;
	fail(&err, "unsupported", 0, "type 0x%02x is not for a guest", frame->type);
	connection_refuse(connection, frame, &err);
}

/* PID 1 never leaves: without its shim the VM is about to be killed; until then it stays as it is. */
static void on_close(struct connection *connection, const struct error *err)
{
	(void)connection;
	if (err)
		(void)dprintf(2, "abode-agent: %s\n", err->message);
	if (!on_virtio)
		loop_stop();
}

/* While shutting down: nothing runs any more, so there is nothing to wait for. */
static void check_ended(void)
{
	if (!power_off_timer.due_ms)
		return;
	for (struct proc *proc = proc_first(); proc; proc = proc->next)
		if (proc->state == PROC_RUNNING && proc->init)
			return;
	loop_arm(&power_off_timer, 0);
}

static void signalled(struct watch *watch, uint32_t events)
{
	(void)events;
	struct signalfd_siginfo info;
	while (read(watch->fd, &info, sizeof info) == sizeof info)
		if (info.ssi_signo == SIGCHLD)
			children_reap();
	check_ended();
}

static int connect_to(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	(void)snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
		return -1;
	return fd;
}

int guest_main(const char *socket_path)
{
	struct error err = {0};
	on_virtio = socket_path == NULL;
	if (on_virtio && guest_boot(&err) < 0)
		(void)dprintf(2, "abode-agent: boot: %s\n", err.message);
	int fd = on_virtio ? guest_port_open(&err) : connect_to(socket_path);
	if (fd < 0) {
		(void)dprintf(2, "abode-agent: no link to the host: %s\n", on_virtio ? err.message : strerror(errno));
		if (on_virtio)
			guest_power_off();
		return 1;
	}
	(void)fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	sigset_t signals;
	sigemptyset(&signals);
	sigaddset(&signals, SIGCHLD);
	sigaddset(&signals, SIGTERM);
	(void)sigprocmask(SIG_BLOCK, &signals, NULL);
	(void)signal(SIGPIPE, SIG_IGN);
	loop_init();
	proc_sink = &link_sink;
	struct watch signal_watch = {.fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK), .ready = signalled};
	loop_watch(&signal_watch, EPOLLIN);
	link_connection.on_frame = on_frame;
	link_connection.on_close = on_close;
	connection_init(&link_connection, fd);
	loop_run();
	return 0;
}
