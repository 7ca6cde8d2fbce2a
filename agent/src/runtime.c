#include "runtime.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include "children.h"
#include "cleanup.h"
#include "log_file.h"
#include "stdio_set.h"

/* One runtime command under way. */
struct launch {
	struct job job;
	struct proc *proc;
	struct connection *connection; /* NULL: the asker went away */
	struct frame request;
	struct stdio_set stdio;
	int log; /* with a terminal: the runtime's own stderr */
	struct watch console; /* the socket that the runtime connects to, then its connection */
	int console_connected;
	char *console_path, *pid_file;
	unsigned rows, cols;
	struct launch *next;
};

static struct launch *launches;

pid_t runtime_spawn(char *const *arguments, int in, int out, int err)
{
	pid_t pid = fork();
	if (pid != 0)
		return pid;
	(void)setpgid(0, 0);
	sigset_t none;
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	for (int signal_number = 1; signal_number < 32; signal_number++)
		(void)signal(signal_number, SIG_DFL);
	int fds[3] = {in, out, err};
	for (int i = 0; i < 3; i++) {
		if (fds[i] < 0)
			fds[i] = open("/dev/null", O_RDWR | O_CLOEXEC);
		if (fds[i] < 3) /* out of the way of the targets */
			fds[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, 3);
	}
	for (int i = 0; i < 3; i++)
		(void)dup2(fds[i], i);
	execvp(arguments[0], arguments);
	(void)dprintf(2, "%s: %s\n", arguments[0], strerror(errno));
	_exit(127);
}

int proc_configure(struct proc *proc, struct fields fields, struct error *err)
{
	uint64_t stdio = fields_number(fields, TAG_STDIO, 0);
	proc->terminal = stdio & 1;
	proc->stdin_open = stdio & 2;
	proc->stdin_once = stdio & 4;
	proc->container = fields_string(fields, TAG_CONTAINER);
	proc->exit_path = fields_string(fields, TAG_EXIT_PATH);
	proc->cgroups = fields_count(fields, TAG_CGROUP) ? fields_strings(fields, TAG_CGROUP) : NULL;
	proc->cleanup = fields_count(fields, TAG_CLEANUP_ARG) ? fields_strings(fields, TAG_CLEANUP_ARG) : NULL;
	cleanup_free char *log_path = fields_string(fields, TAG_LOG_PATH);
	if (log_path && proc_sink->keeps_records) {
		cleanup_free char *attributes = fields_string(fields, TAG_LOG_ATTRIBUTES);
		proc->log = log_file_open(log_path, fields_number(fields, TAG_LOG_MAX_SIZE, 0), (unsigned)fields_number(fields, TAG_LOG_MAX_FILES, 1), attributes, err);
		if (!proc->log)
			return -1;
	}
	return 0;
}

static void forget_launch(struct launch *launch)
{
	for (struct launch **at = &launches; *at; at = &(*at)->next) {
		if (*at == launch) {
			*at = launch->next;
			break;
		}
	}
	children_expect_unknown(false);
	loop_forget(&launch->console);
	if (launch->console.fd >= 0)
		(void)close(launch->console.fd);
	if (launch->console_path)
		(void)unlink(launch->console_path);
	if (launch->log >= 0)
		(void)close(launch->log);
	stdio_close(&launch->stdio);
	free(launch->console_path);
	free(launch->pid_file);
	free(launch);
}

/* The runtime's words: what it wrote where the container's stderr will be, or to its own with a terminal. */
static void read_words(int fd, char *text, size_t capacity)
{
	size_t size = 0;
	ssize_t count;
	while (fd >= 0 && size + 1 < capacity && (count = read(fd, text + size, capacity - 1 - size)) > 0)
		size += (size_t)count;
	while (size && (text[size - 1] == '\n' || text[size - 1] == '\r'))
		size--;
	text[size] = 0;
}

static pid_t read_pid(const char *path)
{
	char text[32];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t count = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
	if (fd >= 0)
		(void)close(fd);
	if (count <= 0)
		return -1;
	text[count] = 0;
	return (pid_t)strtol(text, NULL, 10);
}

static void refuse(struct launch *launch, const struct error *err)
{
	if (launch->connection)
		connection_refuse(launch->connection, &launch->request, err);
	proc_forget(launch->proc);
	forget_launch(launch);
}

/* A runtime connects long before it has a terminal to send. */
static int accept_console(struct launch *launch)
{
	if (launch->console_connected)
		return 0;
	int peer = accept4(launch->console.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (peer < 0)
		return -1;
	loop_forget(&launch->console);
	(void)close(launch->console.fd);
	launch->console.fd = peer;
	launch->console_connected = 1;
	loop_watch(&launch->console, EPOLLIN);
	return 0;
}

/* Takes what the runtime sent over the console socket, if it has; the terminal's master is both ends of the stdio. */
static void receive_console(struct launch *launch)
{
	if (accept_console(launch) < 0)
		return;
	char name[256];
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec iov = {.iov_base = name, .iov_len = sizeof name};
	struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
	ssize_t count = recvmsg(launch->console.fd, &message, MSG_CMSG_CLOEXEC);
	if (count < 0)
		return;
	loop_watch(&launch->console, 0);
	struct cmsghdr *head = CMSG_FIRSTHDR(&message);
	if (!head || head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS)
		return;
	int master;
	memcpy(&master, CMSG_DATA(head), sizeof master);
	(void)fcntl(master, F_SETFL, fcntl(master, F_GETFL) | O_NONBLOCK);
	/* Now, so that the process finds it: a runtime need not heed consoleSize. */
	struct winsize size = {.ws_row = (unsigned short)launch->rows, .ws_col = (unsigned short)launch->cols};
	if (launch->rows && launch->cols)
		(void)ioctl(master, TIOCSWINSZ, &size);
	launch->stdio.out = master;
	launch->stdio.in = fcntl(master, F_DUPFD_CLOEXEC, 3);
}

static void console_ready(struct watch *watch, uint32_t events)
{
	(void)events;
	receive_console(watch->owner);
}

static void runtime_done(struct job *job, int status)
{
	struct launch *launch = job->owner;
	struct proc *proc = launch->proc;
	struct error err;
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
		char words[480];
		read_words(proc->terminal ? launch->log : launch->stdio.err, words, sizeof words);
		fail(&err, "runtime", 0, "%s", *words ? words : "the runtime failed without a word");
		refuse(launch, &err);
		return;
	}
	if (proc->terminal && launch->stdio.out < 0)
		receive_console(launch);
	pid_t pid = read_pid(launch->pid_file);
	if (pid <= 0 || (proc->terminal && launch->stdio.out < 0)) {
		fail(&err, "runtime", 0, pid <= 0 ? "the runtime left no pid in %s" : "the runtime sent no terminal (%s)", launch->pid_file);
		runtime_cleanup(proc); /* whatever it made */
		refuse(launch, &err);
		return;
	}
	struct builder answer = {0};
	builder_number(&answer, TAG_PID, (uint64_t)pid);
	if (launch->connection)
		connection_answer(launch->connection, &launch->request, &answer);
	builder_free(&answer);
	proc_run(proc, pid, STEAL_FD(launch->stdio.in), STEAL_FD(launch->stdio.out), STEAL_FD(launch->stdio.err));
	int early;
	if (children_take_early(pid, &early))
		proc_exited(proc, early);
	else if (kill(pid, 0) < 0 && errno == ESRCH)
		proc_exited(proc, 255 << 8); /* the runtime reaped it itself: how it ended nobody knows */
	forget_launch(launch);
}

static int listen_console(struct launch *launch, struct error *err)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	if (!launch->console_path || strlen(launch->console_path) >= sizeof address.sun_path)
		return fail(err, "invalid", 0, "the console socket's path is missing or too long");
	memcpy(address.sun_path, launch->console_path, strlen(launch->console_path));
	(void)unlink(launch->console_path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	launch->console = (struct watch){.fd = fd, .ready = console_ready, .owner = launch};
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, 1) < 0)
		return fail(err, "system", errno, "console socket %s", launch->console_path);
	loop_watch(&launch->console, EPOLLIN);
	return 0;
}

/* Pipes for the process, or the console socket; and a pipe for the runtime's own words where the process has a terminal. */
static int prepare_stdio(struct launch *launch, int *log_child, struct error *err)
{
	if (!launch->proc->terminal)
		return stdio_pipes(&launch->stdio, launch->proc->stdin_open, err);
	int fds[2];
	if (listen_console(launch, err) < 0)
		return -1;
	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0)
		return fail(err, "system", errno, "a pipe for the runtime");
	launch->log = fds[0];
	*log_child = fds[1];
	return 0;
}

void runtime_start(struct connection *connection, const struct frame *request)
{
	struct fields fields = {request->payload, request->size};
	struct error err;
	cleanup_free char **arguments = fields_strings(fields, TAG_ARG);
	struct proc *proc = arguments && arguments[0] && request->proc ? proc_obtain(request->proc) : NULL;
	struct launch *launch = calloc(1, sizeof *launch);
	if (!proc || !launch || proc->state != PROC_EXPECTED || proc->starting) {
		free(launch);
		fail(&err, "invalid", 0, "process %u cannot be started: in use, no command, or no memory", request->proc);
		connection_refuse(connection, request, &err);
		return;
	}
	*launch = (struct launch){.proc = proc, .connection = connection, .request = *request, .log = -1, .console.fd = -1};
	launch->stdio = (struct stdio_set){-1, -1, -1, -1, -1, -1};
	launch->request.payload = NULL;
	launch->console_path = fields_string(fields, TAG_CONSOLE_SOCKET);
	launch->pid_file = fields_string(fields, TAG_PID_FILE);
	launch->rows = (unsigned)fields_number(fields, TAG_ROWS, 0);
	launch->cols = (unsigned)fields_number(fields, TAG_COLS, 0);
	launch->next = launches;
	launches = launch;
	children_expect_unknown(true);
	proc->starting = true;
	proc->init = fields_number(fields, TAG_JOIN, 0) == 0;
	cleanup_close int log_child = -1;
	if (!launch->pid_file || proc_configure(proc, fields, &err) < 0 || prepare_stdio(launch, &log_child, &err) < 0) {
		if (!launch->pid_file)
			fail(&err, "invalid", 0, "START_RUNTIME without PID_FILE");
		refuse(launch, &err);
		return;
	}
	pid_t pid = proc->terminal ? runtime_spawn(arguments, -1, log_child, log_child)
				   : runtime_spawn(arguments, launch->stdio.child_in, launch->stdio.child_out, launch->stdio.child_err);
	stdio_close_child(&launch->stdio);
	if (pid < 0) {
		fail(&err, "system", errno, "fork");
		refuse(launch, &err);
		return;
	}
	launch->job = (struct job){.pid = pid, .done = runtime_done, .owner = launch};
	children_expect(&launch->job);
}

void runtime_client_gone(const struct connection *connection)
{
	for (struct launch *launch = launches; launch; launch = launch->next)
		if (launch->connection == connection)
			launch->connection = NULL;
	for (struct proc *proc = proc_first(); proc; proc = proc->next)
		if (proc->release_asker == connection)
			proc->release_asker = NULL;
}

struct cleanup_job {
	struct job job;
	uint32_t proc;
};

static void cleanup_done(struct job *job, int status)
{
	(void)status;
	struct cleanup_job *cleanup = job->owner;
	struct proc *proc = proc_find(cleanup->proc);
	free(cleanup);
	if (!proc)
		return;
	proc->cleanup_pid = 0;
	if (proc->release_asker) {
		struct builder answer = {0};
		connection_answer(proc->release_asker, &proc->release_request, &answer);
		proc_forget(proc);
	}
}

void runtime_cleanup(struct proc *proc)
{
	if (!proc->cleanup || !proc->cleanup[0])
		return;
	struct cleanup_job *cleanup = calloc(1, sizeof *cleanup);
	pid_t pid = cleanup ? runtime_spawn(proc->cleanup, -1, -1, -1) : -1;
	if (pid < 0) {
		free(cleanup);
		return;
	}
	*cleanup = (struct cleanup_job){.job = {.pid = pid, .done = cleanup_done, .owner = cleanup}, .proc = proc->id};
	proc->cleanup_pid = pid;
	children_expect(&cleanup->job);
}

void proc_release(struct proc *proc, struct connection *connection, const struct frame *request)
{
	struct error err;
	if (proc->state == PROC_RUNNING || proc->starting || proc->release_asker) {
		fail(&err, "invalid", 0, "process %u still runs, or is being released", proc->id);
		connection_refuse(connection, request, &err);
	} else if (proc->cleanup_pid) {
		proc->release_asker = connection;
		proc->release_request = *request;
		proc->release_request.payload = NULL;
		proc->release_request.size = 0;
	} else {
		struct builder answer = {0};
		connection_answer(connection, request, &answer);
		proc_forget(proc);
	}
}
