#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "cleanup.h"
#include "frame.h"
#include "operations.h"
#include "paths.h"
#include "spawn_cgroup.h"
#include "spawn_credentials.h"
#include "spawn_rootfs.h"
#include "spawn_terminal.h"

enum { INIT_NAMESPACES = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS };
/* The name of the one container in a VM of its own. */
static const char PREPARED_CONTAINER[] = "container";

/* What a child tells its parent through a close-on-exec socket; a terminal's master comes along. */
struct report {
	char code[16];
	int saved_errno;
	pid_t pid; /* of an exec: the process itself */
	int has_master;
	char message[512];
};

static int report_socket = -1;

static void send_report(const struct report *report, int fd)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = {0};
	struct iovec iov = {.iov_base = (void *)report, .iov_len = sizeof *report};
	struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};
	if (fd >= 0) {
		message.msg_control = control.bytes;
		message.msg_controllen = sizeof control.bytes;
		struct cmsghdr *head = CMSG_FIRSTHDR(&message);
		head->cmsg_level = SOL_SOCKET;
		head->cmsg_type = SCM_RIGHTS;
		head->cmsg_len = CMSG_LEN(sizeof fd);
		memcpy(CMSG_DATA(head), &fd, sizeof fd);
	}
	(void)sendmsg(report_socket, &message, MSG_NOSIGNAL);
}

static void give_up(const struct error *err)
{
	struct report report = {.saved_errno = err->saved_errno};
	(void)snprintf(report.code, sizeof report.code, "%s", err->code);
	(void)snprintf(report.message, sizeof report.message, "%s", err->message);
	send_report(&report, -1);
	_exit(127);
}

static void take_stdio(struct spawn_stdio stdio)
{
	if (stdio.terminal)
		return; /* made once the container's own devices are there */
	int fds[3] = {stdio.in, stdio.out, stdio.err};
	for (int i = 0; i < 3; i++)
		fds[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, 10);
	for (int i = 0; i < 3; i++)
		(void)dup2(fds[i], i);
}

static void reset_signals(void)
{
	sigset_t none;
	sigemptyset(&none);
	for (int signal_number = 1; signal_number <= 64; signal_number++)
		(void)signal(signal_number, SIG_DFL);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

static const char *variable(char *const *environment, const char *name)
{
	size_t length = strlen(name);
	const char *found = NULL;
	for (; *environment; environment++)
		if (strncmp(*environment, name, length) == 0 && (*environment)[length] == '=')
			found = *environment + length + 1;
	return found;
}

/* The environment with HOME completed; the list is ours to keep until exec. */
static char **environment_of(struct fields request, const char *home)
{
	static char home_entry[300];
	char **given = fields_strings(request, TAG_ENV);
	if (!given || variable(given, "HOME"))
		return given;
	size_t count = 0;
	while (given[count])
		count++;
	char **list = calloc(count + 2, sizeof *list);
	if (!list)
		return NULL;
	memcpy(list, given, count * sizeof *list);
	(void)snprintf(home_entry, sizeof home_entry, "HOME=%s", home);
	list[count] = home_entry;
	return list;
}

static void refuse_exec(const char *command, int saved_errno, struct error *err)
{
	if (saved_errno == ENOENT || saved_errno == ENOTDIR) {
		if (strchr(command, '/'))
			fail(err, "not-found", 0, "exec: \"%s\": stat %s: no such file or directory", command, command);
		else
			fail(err, "not-found", 0, "exec: \"%s\": executable file not found in $PATH", command);
	} else {
		fail(err, "not-executable", 0, "exec: \"%s\": %s", command, saved_errno == ENOEXEC ? "exec format error" : saved_errno == EISDIR ? "is a directory" : "permission denied");
	}
}

static void execute(char **arguments, char **environment, struct error *err)
{
	const char *path = variable(environment, "PATH");
	int saved = ENOENT;
	if (strchr(arguments[0], '/')) {
		struct stat info;
		execve(arguments[0], arguments, environment);
		saved = errno;
		if (saved == EACCES && stat(arguments[0], &info) == 0 && S_ISDIR(info.st_mode))
			saved = EISDIR;
	} else {
		for (const char *at = path ? path : "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"; at && *at;) {
			size_t length = strcspn(at, ":");
			char candidate[4096];
			(void)snprintf(candidate, sizeof candidate, "%.*s/%s", (int)length, at, arguments[0]);
			execve(candidate, arguments, environment);
			if (errno != ENOENT && errno != ENOTDIR)
				saved = errno;
			at += length + (at[length] == ':');
		}
	}
	refuse_exec(arguments[0], saved, err);
}

/* PID 1 of the container stays as its init; the command is its child. */
static void stay_as_init(void)
{
	pid_t child = fork();
	if (child == 0)
		return;
	(void)close(report_socket);
	for (int fd = 3; fd < 64; fd++)
		(void)close(fd);
	_exit(child < 0 ? 125 : init_supervise(child));
}

/* An init's directory is made, an exec's must be there. */
static int enter_directory(const char *path, int make)
{
	if (chdir(path) == 0)
		return 0;
	return make && errno == ENOENT && path_mkdirs(path, 0755) == 0 ? chdir(path) : -1;
}

static void take_terminal(struct fields request, int is_init, uid_t owner)
{
	struct error err;
	struct report report = {.has_master = 1};
	int master = spawn_terminal_open(request, is_init, &err);
	if (master < 0)
		give_up(&err);
	send_report(&report, master);
	(void)close(master);
	(void)ioctl(STDIN_FILENO, TIOCSCTTY, 0);
	(void)fchown(STDIN_FILENO, owner, (gid_t)-1);
}

/* In the process to be, inside its namespaces and root: everything from its session to exec. */
static void become_command(struct fields request, int terminal, int is_init)
{
	struct error err;
	struct resolved_user user;
	cleanup_free char *name = fields_string(request, TAG_USER), *cwd = fields_string(request, TAG_CWD);
	cleanup_free char **group_add = fields_strings(request, TAG_GROUP_ADD);
	char **arguments = fields_strings(request, TAG_ARG);
	int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (!arguments || !arguments[0]) {
		fail(&err, "invalid", 0, "no command");
		give_up(&err);
	}
	if (user_resolve(root, name ? name : "", group_add, &user, &err) < 0)
		give_up(&err);
	(void)close(root);
	char **environment = environment_of(request, user.home);
	if (is_init && fields_number(request, TAG_INIT, 0))
		stay_as_init();
	reset_signals();
	(void)setsid();
	if (terminal)
		take_terminal(request, is_init, user.uid);
	(void)umask(0022);
	if (enter_directory(cwd && *cwd ? cwd : "/", is_init) < 0) {
		if (errno == ENOENT)
			fail(&err, "not-found", 0, "chdir to cwd (\"%s\") set in config.json failed: no such file or directory", cwd);
		else
			fail(&err, "start", errno, "chdir to cwd (\"%s\")", cwd);
		give_up(&err);
	}
	if (spawn_set_limits(request, &err) < 0 || spawn_drop_privileges(request, &user, &err) < 0)
		give_up(&err);
	execute(arguments, environment, &err);
	give_up(&err);
}

static void name_host(struct fields request)
{
	cleanup_free char *hostname = fields_string(request, TAG_HOSTNAME), *domainname = fields_string(request, TAG_DOMAINNAME);
	if (hostname)
		(void)sethostname(hostname, strlen(hostname));
	if (domainname && *domainname)
		(void)setdomainname(domainname, strlen(domainname));
}

static void adjust_oom_score(struct fields request)
{
	char text[24];
	int64_t score = (int64_t)fields_number(request, TAG_OOM_SCORE_ADJ, 0);
	(void)snprintf(text, sizeof text, "%d", (int)score);
	if (score)
		(void)path_write("/proc/self/oom_score_adj", text);
}

/* A container's init made ahead, in the template of a VM that will have one container: namespaces, cgroup and standard mounts are there. */
static struct {
	pid_t pid;
	int requests, reports; /* where START_PROCESS is passed on, and where the child tells how it went */
	uint8_t *fields;
	size_t size;
} prepared = {.requests = -1, .reports = -1};

static void run_init(struct fields request, struct spawn_stdio stdio, const char *container)
{
	struct error err;
	take_stdio(stdio);
	if (spawn_cgroup_join(container, &err) < 0)
		give_up(&err);
	adjust_oom_score(request);
	name_host(request);
	if (unshare(CLONE_NEWCGROUP) < 0) {
		fail(&err, "start", errno, "a cgroup namespace");
		give_up(&err);
	}
	if (spawn_rootfs_enter(request, &err) < 0)
		give_up(&err);
	become_command(request, stdio.terminal, 1);
}

/* The short-lived process between: enters the namespaces, and leaves its parent a child inside them. */
static void run_exec(struct fields request, struct spawn_stdio stdio, const char *container, pid_t join)
{
	struct error err;
	/* What is in the container sees this process before it gave up what it has: it may not look inside. exec ends this. */
	(void)prctl(PR_SET_DUMPABLE, 0);
	take_stdio(stdio);
	int target = (int)syscall(SYS_pidfd_open, join, 0);
	if (target < 0 || spawn_cgroup_join(container, &err) < 0 || setns(target, CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWCGROUP) < 0) {
		fail(&err, "start", errno, "entering the container");
		give_up(&err);
	}
	struct report report = {.pid = (pid_t)syscall(SYS_clone, CLONE_PARENT | SIGCHLD, 0, 0, 0, 0)};
	if (report.pid == 0)
		become_command(request, stdio.terminal, 0);
	if (report.pid < 0) {
		fail(&err, "start", errno, "fork");
		give_up(&err);
	}
	send_report(&report, -1);
	_exit(0);
}

/* One message; the descriptor that came with it, or -1. 0: the other side executed, or is gone. */
static ssize_t receive_report(int fd, struct report *report, int *passed)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec iov = {.iov_base = report, .iov_len = sizeof *report};
	struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
	ssize_t count;
	do
		count = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
	while (count < 0 && errno == EINTR);
	struct cmsghdr *head = count > 0 ? CMSG_FIRSTHDR(&message) : NULL;
	*passed = -1;
	if (head && head->cmsg_type == SCM_RIGHTS)
		memcpy(passed, CMSG_DATA(head), sizeof *passed);
	return count;
}

static int take_report(int fd, pid_t *inner, int *master, struct error *err)
{
	struct report report;
	ssize_t count;
	int result = 0, passed;
	while ((count = receive_report(fd, &report, &passed)) != 0) {
		if (count != sizeof report)
			return fail(err, "start", errno, "the new process said nothing");
		if (report.has_master && passed >= 0) {
			*master = passed;
			continue;
		}
		if (report.pid) {
			*inner = report.pid;
			continue;
		}
		static const char *const codes[] = {"not-found", "not-executable", "invalid", "start"};
		const char *code = "start";
		for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
			if (strcmp(codes[i], report.code) == 0)
				code = codes[i];
		result = fail(err, code, 0, "%s", report.message);
		err->saved_errno = report.saved_errno;
	}
	return result;
}

enum { REQUEST_MAX = FRAME_MAX_PAYLOAD };

/* In the prepared process: waits for the request that it was made for, with its stdio, and becomes it. */
static void run_prepared(struct fields preparation, int requests)
{
	static uint8_t payload[REQUEST_MAX];
	struct error err;
	union {
		char bytes[CMSG_SPACE(sizeof(int) * 3)];
		struct cmsghdr align;
	} control;
	if (spawn_cgroup_join(PREPARED_CONTAINER, &err) < 0 || unshare(CLONE_NEWCGROUP) < 0 || spawn_rootfs_stage(preparation, &err) < 0)
		give_up(&err);
	uint8_t ready = 1;
	if (write(requests, &ready, 1) != 1)
		_exit(1);
	struct iovec iov = {.iov_base = payload, .iov_len = sizeof payload};
	struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
	ssize_t size = recvmsg(requests, &message, MSG_CMSG_CLOEXEC);
	struct cmsghdr *head = CMSG_FIRSTHDR(&message);
	if (size <= 0 || !head || head->cmsg_type != SCM_RIGHTS)
		_exit(1);
	int fds[3];
	memcpy(fds, CMSG_DATA(head), sizeof fds);
	struct fields request = {payload, (size_t)size};
	struct spawn_stdio stdio = {.in = fds[0], .out = fds[1], .err = fds[2], .terminal = fields_number(request, TAG_STDIO, 0) & 1};
	take_stdio(stdio);
	adjust_oom_score(request);
	name_host(request);
	if (spawn_rootfs_enter_staged(request, &err) < 0)
		give_up(&err);
	become_command(request, stdio.terminal, 1);
}

static void forget_prepared(void)
{
	(void)close(prepared.requests);
	(void)close(prepared.reports);
	free(prepared.fields);
	prepared.requests = prepared.reports = -1;
	prepared.fields = NULL;
	prepared.pid = 0;
}

int spawn_prepare(struct fields request, struct error *err)
{
	int requests[2], reports[2], unused = -1;
	struct fields none = {NULL, 0};
	if (prepared.pid)
		return fail(err, "invalid", 0, "a container is prepared already");
	/* Mounts made from now on must arrive in the prepared namespace. */
	if (mount(NULL, "/", NULL, MS_REC | MS_SHARED, NULL) < 0 || spawn_cgroup_create(PREPARED_CONTAINER, none, err) < 0)
		return fail(err, "start", errno, "preparing a container");
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, requests) < 0 || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, reports) < 0)
		return fail(err, "system", errno, "preparing a container");
	int room = REQUEST_MAX;
	(void)setsockopt(requests[0], SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof room);
	pid_t pid = (pid_t)syscall(SYS_clone, INIT_NAMESPACES | SIGCHLD, 0, 0, 0, 0);
	if (pid == 0) {
		report_socket = reports[1];
		run_prepared(request, requests[1]);
	}
	(void)close(requests[1]);
	(void)close(reports[1]);
	uint8_t ready;
	if (pid < 0 || read(requests[0], &ready, 1) != 1) {
		pid_t inner = 0;
		if (pid < 0 || take_report(reports[0], &inner, &unused, err) == 0)
			(void)fail(err, "start", errno, "preparing a container");
		(void)close(requests[0]);
		(void)close(reports[0]);
		return -1;
	}
	prepared.pid = pid;
	prepared.requests = requests[0];
	prepared.reports = reports[0];
	prepared.fields = malloc(request.size + 1);
	prepared.size = request.size;
	if (prepared.fields)
		memcpy(prepared.fields, request.data, request.size);
	return 0;
}

static bool same_list(struct fields left, struct fields right, uint16_t tag)
{
	size_t left_cursor = 0, right_cursor = 0;
	struct value one, other;
	while (fields_next(left, tag, &left_cursor, &one))
		if (!fields_next(right, tag, &right_cursor, &other) || one.size != other.size || memcmp(one.data, other.data, one.size) != 0)
			return false;
	return !fields_next(right, tag, &right_cursor, &other);
}

/* Whether what was prepared is what this request asks for. */
static bool prepared_fits(struct fields request, const char *container)
{
	struct fields preparation = {prepared.fields, prepared.size};
	return prepared.pid && prepared.fields && strcmp(container, PREPARED_CONTAINER) == 0 && !fields_number(request, TAG_PRIVILEGED, 0) && !fields_count(request, TAG_SYSCTL) &&
	       same_list(preparation, request, TAG_MASKED) && same_list(preparation, request, TAG_READONLY) &&
	       fields_number(preparation, TAG_SHM_SIZE, 0) == fields_number(request, TAG_SHM_SIZE, 0);
}

static int pass_on(struct fields request, struct spawn_stdio stdio, struct error *err)
{
	cleanup_close int null = stdio.terminal ? open("/dev/null", O_RDWR | O_CLOEXEC) : -1;
	int fds[3] = {stdio.terminal ? null : stdio.in, stdio.terminal ? null : stdio.out, stdio.terminal ? null : stdio.err};
	union {
		char bytes[CMSG_SPACE(sizeof fds)];
		struct cmsghdr align;
	} control = {0};
	struct iovec iov = {.iov_base = (void *)request.data, .iov_len = request.size};
	struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
	struct cmsghdr *head = CMSG_FIRSTHDR(&message);
	head->cmsg_level = SOL_SOCKET;
	head->cmsg_type = SCM_RIGHTS;
	head->cmsg_len = CMSG_LEN(sizeof fds);
	memcpy(CMSG_DATA(head), fds, sizeof fds);
	return sendmsg(prepared.requests, &message, MSG_NOSIGNAL) < 0 ? fail(err, "start", errno, "passing the request on") : 0;
}

/* The prepared init takes the request; without one that fits, what was prepared is given up. 0: go the long way. */
static pid_t use_prepared(struct fields request, struct spawn_stdio stdio, const char *container, struct error *err)
{
	if (!prepared.pid)
		return 0;
	pid_t pid = prepared.pid, inner = 0;
	int result = 0;
	bool fits = prepared_fits(request, container);
	if (fits) {
		result = spawn_cgroup_create(container, request, err);
		if (result == 0)
			result = pass_on(request, stdio, err);
		if (result == 0)
			result = take_report(prepared.reports, &inner, stdio.master, err);
	}
	if (!fits || result < 0) {
		(void)kill(pid, SIGKILL);
		(void)waitpid(pid, NULL, 0);
	}
	forget_prepared();
	if (!fits)
		return 0;
	return result < 0 ? -1 : pid;
}

pid_t spawn_process(struct fields request, struct spawn_stdio stdio, pid_t join, struct error *err)
{
	cleanup_free char *container = fields_string(request, TAG_CONTAINER);
	int fds[2];
	if (!container || !*container || strchr(container, '/'))
		return fail(err, "invalid", 0, "START_PROCESS without a proper CONTAINER");
	if (join == 0) {
		pid_t ready = use_prepared(request, stdio, container, err);
		if (ready != 0)
			return ready;
		if (spawn_cgroup_create(container, request, err) < 0)
			return -1;
	}
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
		return fail(err, "system", errno, "a socket pair");
	int flags = join ? SIGCHLD : INIT_NAMESPACES | SIGCHLD;
	pid_t pid = (pid_t)syscall(SYS_clone, flags, 0, 0, 0, 0);
	if (pid == 0) {
		report_socket = fds[1];
		(void)close(fds[0]);
		if (join)
			run_exec(request, stdio, container, join);
		run_init(request, stdio, container);
	}
	int saved = errno;
	(void)close(fds[1]);
	pid_t inner = 0;
	int result = pid < 0 ? fail(err, "system", saved, "clone") : take_report(fds[0], &inner, stdio.master, err);
	(void)close(fds[0]);
	if (pid > 0 && (join || result < 0))
		(void)waitpid(pid, NULL, 0);
	if (result < 0 && inner > 0)
		(void)waitpid(inner, NULL, 0);
	if (result < 0 && join == 0)
		spawn_cleanup(container);
	if (result < 0)
		return -1;
	if (join == 0)
		return pid;
	return inner > 0 ? inner : fail(err, "start", 0, "the container ended");
}
