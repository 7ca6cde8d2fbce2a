#include "bind.h"
#include "shim.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <linux/magic.h>
#include <sched.h>
#include <time.h>
#include <unistd.h>
#include "children.h"
#include "clients.h"
#include "log_file.h"
#include "requests.h"
#include "runtime.h"
#include "shim_socket.h"
#include "vm.h"

static int log_fd = -1;
static bool started_something, shutting_down;
static struct timer kill_timer;

void shim_log(const char *format, ...)
{
	char line[1024], time_text[40];
	format_time(realtime_ns(), time_text);
	int length = snprintf(line, sizeof line, "%s ", time_text);
	va_list arguments;
	va_start(arguments, format);
	length += vsnprintf(line + length, sizeof line - (size_t)length - 1, format, arguments);
	va_end(arguments);
	if (length > (int)sizeof line - 2)
		length = sizeof line - 2;
	line[length++] = '\n';
	(void)!write(log_fd, line, (size_t)length);
}

/* Debian's crun 1.8 refuses a hybrid layout whose version 2 part has controllers. Nothing of Abode uses that part, so it is hidden from
 * crun, in this namespace only (docs/decisions/0005). */
static void hide_hybrid_cgroup2(void)
{
	const char *unified = "/sys/fs/cgroup/unified";
	struct statfs info;
	if (statfs(unified, &info) == 0 && info.f_type == CGROUP2_SUPER_MAGIC && umount2(unified, MNT_DETACH) < 0)
		shim_log("umount %s: %s", unified, strerror(errno));
}

int shim_log_fd(void) { return log_fd; }

static int enter_own_namespace(void)
{
	bind_remember_host();
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0) {
		shim_log("a mount namespace: %s", strerror(errno));
		return -1;
	}
	hide_hybrid_cgroup2();
	return 0;
}

static struct timer leave_timer;
static unsigned leave_tries;
static bool leaving;

static void leave(struct timer *timer)
{
	(void)timer;
	leaving = ++leave_tries > 200;
	shim_check_idle();
}

/* Asked to end, it goes when everything ended; otherwise also the init's exit must have been taken note of (RELEASE). What ran beside it
 * ended with it, and a daemon that came after the one that started it may not know of it. */
void shim_check_idle(void)
{
	if (!started_something || vm_running())
		return;
	for (struct proc *proc = proc_first(); proc; proc = proc->next)
		if (proc->starting || proc->cleanup_pid || proc->state == PROC_RUNNING || (proc->state == PROC_EXITED && proc->init && !shutting_down))
			return;
	if (clients_flush() && !leave_timer.due_ms && !leaving) {
		/* Slow clients get the rest, for a while. */
		leave_timer.expired = leave;
		loop_arm(&leave_timer, 50);
		return;
	}
	if (!leave_timer.due_ms)
		loop_stop();
}

static void answer_hello(struct client *client, const struct frame *request)
{
	struct builder answer = {0};
	builder_number(&answer, TAG_SESSION, fields_number((struct fields){request->payload, request->size}, TAG_SESSION, 0));
	connection_answer(&client->connection, request, &answer);
}

static void kill_everything(struct timer *timer)
{
	(void)timer;
	for (struct proc *proc = proc_first(); proc; proc = proc->next)
		if (!proc->remote && proc_alive(proc) && proc->init)
			(void)kill(proc->pid, SIGKILL);
}

static void shut_down(uint64_t grace_ms)
{
	shutting_down = true;
	if (vm_running()) {
		vm_shut_down(grace_ms);
		return;
	}
	for (struct proc *proc = proc_first(); proc; proc = proc->next)
		if (proc_alive(proc) && proc->init)
			(void)kill(proc->pid, SIGTERM);
	kill_timer.expired = kill_everything;
	loop_arm(&kill_timer, grace_ms);
	started_something = true;
	shim_check_idle();
}

static void on_request(struct client *client, const struct frame *request)
{
	struct connection *connection = &client->connection;
	switch (request->type) {
	case FRAME_HELLO:
		answer_hello(client, request);
		return;
	case FRAME_ATTACH:
		client_attach(client, request);
		return;
	case FRAME_STATE:
		request_state(connection, request, vm_state(), vm_pid());
		return;
	case FRAME_SHUTDOWN: {
		struct builder answer = {0};
		connection_answer(connection, request, &answer);
		shut_down(fields_number((struct fields){request->payload, request->size}, TAG_GRACE, 0));
		return;
	}
	default:
		break;
	}
	if (request->type == FRAME_START_RUNTIME || request->type == FRAME_VM_START)
		started_something = true;
	if (vm_handle(client, request) || request_handle(connection, request)) {
		shim_check_idle();
		return;
	}
	struct error err;
	fail(&err, "unsupported", 0, "type 0x%02x is not for this shim", request->type);
	connection_refuse(connection, request, &err);
}

enum {
	INHERITED = 3, /* the socket that its starter listens on already */
	LONELY_MS = 10000,
};

/* Whose client's going ends the shim; NULL: it outlives all of them. */
static const struct client *keeper;
static bool awaits_keeper;
static struct timer lonely_timer;

static void give_up_waiting(struct timer *timer)
{
	(void)timer;
	shut_down(0);
}

static void accept_client(struct watch *watch, uint32_t events)
{
	(void)events;
	int fd = accept4(watch->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct client *client = fd >= 0 ? client_accept(fd, on_request) : NULL;
	if (!client)
		return;
	loop_disarm(&lonely_timer);
	if (awaits_keeper) {
		awaits_keeper = false;
		keeper = client;
	}
}

static void signalled(struct watch *watch, uint32_t events)
{
	(void)events;
	struct signalfd_siginfo info;
	while (read(watch->fd, &info, sizeof info) == sizeof info) {
		if (info.ssi_signo == SIGCHLD)
			children_reap();
		else
			shut_down(10000);
	}
	shim_check_idle();
}

static void client_left(const struct client *client)
{
	vm_client_left(client);
	if (client == keeper)
		shut_down(0);
	else if (!started_something && !clients_connected())
		loop_arm(&lonely_timer, LONELY_MS);
}

static bool is_socket(int fd)
{
	struct stat info;
	return fstat(fd, &info) == 0 && S_ISSOCK(info.st_mode);
}

int shim_main(const char *directory, bool ephemeral)
{
	char log_path[4096];
	(void)syscall(SYS_close_range, 4u, ~0u, 0); /* what its starter had open is not the containers' */
	(void)snprintf(log_path, sizeof log_path, "%s/shim.log", directory);
	log_fd = open(log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	(void)setsid();
	(void)chdir("/");
	(void)umask(0022);
	(void)prctl(PR_SET_CHILD_SUBREAPER, 1);
	sigset_t signals;
	sigemptyset(&signals);
	sigaddset(&signals, SIGCHLD);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	(void)sigprocmask(SIG_BLOCK, &signals, NULL);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGHUP, SIG_IGN);
	loop_init();
	proc_sink = &client_sink;
	struct error err = {0};
	int listener = is_socket(INHERITED) ? INHERITED : shim_listen(directory, &err);
	if (listener < 0)
		shim_log("%s", err.message);
	if (listener < 0 || enter_own_namespace() < 0)
		return 1;
	(void)fcntl(listener, F_SETFD, FD_CLOEXEC);
	struct watch accepting = {.fd = listener, .ready = accept_client};
	struct watch signal_watch = {.fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK), .ready = signalled};
	loop_watch(&accepting, EPOLLIN);
	loop_watch(&signal_watch, EPOLLIN);
	vm_init();
	client_gone = client_left;
	awaits_keeper = ephemeral;
	lonely_timer.expired = give_up_waiting;
	/* Whoever had it started may be dead: nobody else knows of it. */
	loop_arm(&lonely_timer, LONELY_MS);
	loop_run();
	clients_flush();
	shim_unlisten(directory);
	return 0;
}
