#include "spawn_prepared.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "cleanup.h"
#include "frame.h"
#include "spawn_cgroup.h"
#include "spawn_child.h"
#include "spawn_credentials.h"
#include "spawn_report.h"
#include "spawn_rootfs.h"
#include "spawn_terminal.h"

/* The name of the one container in a VM of its own. */
static const char PREPARED_CONTAINER[] = "container";

/* Hosts, host name, resolver: what Docker gives to every container. */
enum { PREPARED_FILES = 3 };

enum { REQUEST_MAX = FRAME_MAX_PAYLOAD };

/*
 * The init has everything but what its request alone brings: its filter and bounding set keep it from mounting by then, so a helper
 * that was left inside its namespaces does that, and ends before the init executes anything.
 */
static struct {
	pid_t pid;
	int init, helper, reports; /* where START_PROCESS is passed on, and where both tell how it went */
	int mount_namespace;
	uint8_t *fields;
	size_t size;
} prepared = {.init = -1, .helper = -1, .reports = -1, .mount_namespace = -1};

/* A message with up to three descriptors; those that did not come are -1. */
static ssize_t receive(int socket, void *data, size_t capacity, int fds[3])
{
	union {
		char bytes[CMSG_SPACE(sizeof(int) * 3)];
		struct cmsghdr align;
	} control;
	struct iovec iov = {.iov_base = data, .iov_len = capacity};
	struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
	ssize_t size = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
	struct cmsghdr *head = size > 0 ? CMSG_FIRSTHDR(&message) : NULL;
	fds[0] = fds[1] = fds[2] = -1;
	if (head && head->cmsg_type == SCM_RIGHTS)
		memcpy(fds, CMSG_DATA(head), head->cmsg_len - CMSG_LEN(0));
	return size;
}

static int send_with(int socket, const void *data, size_t size, const int *fds, size_t count)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int) * 3)];
		struct cmsghdr align;
	} control = {0};
	struct iovec iov = {.iov_base = (void *)data, .iov_len = size};
	struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};
	if (count) {
		message.msg_control = control.bytes;
		message.msg_controllen = CMSG_SPACE(sizeof(int) * count);
		struct cmsghdr *head = CMSG_FIRSTHDR(&message);
		head->cmsg_level = SOL_SOCKET;
		head->cmsg_type = SCM_RIGHTS;
		head->cmsg_len = CMSG_LEN(sizeof(int) * count);
		memcpy(CMSG_DATA(head), fds, sizeof(int) * count);
	}
	return sendmsg(socket, &message, MSG_NOSIGNAL) < 0 ? -1 : 0;
}

static struct fields receive_request(int socket, int fds[3])
{
	static uint8_t payload[REQUEST_MAX];
	ssize_t size = receive(socket, payload, sizeof payload, fds);
	if (size <= 0)
		_exit(1);
	return (struct fields){payload, (size_t)size};
}

static bool wants_terminal(struct fields request) { return fields_number(request, TAG_STDIO, 0) & 1; }

static _Noreturn void run_helper(int requests, int done, const struct spawn_files *files)
{
	struct error err;
	int fds[3], master = -1;
	struct fields request = receive_request(requests, fds);
	int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	child_adjust_oom_score(request, "/proc/1/oom_score_adj");
	child_name_host(request);
	if (root < 0 || spawn_set_limits(request, 1, &err) < 0 || spawn_rootfs_fill(root, request, files, &err) < 0 || spawn_rootfs_finish(request, &err) < 0)
		report_failure(&err);
	if (wants_terminal(request)) {
		master = spawn_terminal_open(request, 1, &err);
		if (master < 0)
			report_failure(&err);
		report_master(master);
	}
	const int slave = STDIN_FILENO;
	(void)send_with(done, "", 1, &slave, master >= 0);
	_exit(0);
}

static _Noreturn void run_init(int requests, int done, pid_t helper)
{
	int fds[3], slave[3];
	char byte;
	struct fields request = receive_request(requests, fds);
	child_take_stdio((struct spawn_stdio){.in = fds[0], .out = fds[1], .err = fds[2], .terminal = wants_terminal(request)});
	/* Nothing comes from a helper that failed, but it has told why. */
	if (receive(done, &byte, 1, slave) != 1)
		_exit(1);
	(void)waitpid(helper, NULL, 0);
	child_become_prepared(request, slave[0]);
}

static _Noreturn void prepare(struct fields request, int requests, int helper_requests)
{
	struct error err;
	struct spawn_files files;
	int done[2];
	if (spawn_cgroup_join(PREPARED_CONTAINER, &err) < 0)
		report_failure(&err);
	if (unshare(CLONE_NEWCGROUP) < 0 || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, done) < 0) {
		fail(&err, "start", errno, "preparing a container");
		report_failure(&err);
	}
	int root = spawn_rootfs_mount(request, PREPARED_FILES, &files, &err);
	if (root < 0 || spawn_rootfs_change(root, request, &err) < 0)
		report_failure(&err);
	pid_t helper = fork();
	if (helper == 0) {
		(void)close(requests);
		(void)close(done[0]);
		run_helper(helper_requests, done[1], &files);
	}
	(void)close(helper_requests);
	(void)close(done[1]);
	child_begin_session();
	if (helper < 0 || spawn_restrict(request, &err) < 0 || write(requests, "", 1) != 1)
		report_failure(&err);
	run_init(requests, done[0], helper);
}

static void forget_prepared(void)
{
	for (int *fd = &prepared.init; fd <= &prepared.mount_namespace; fd++) {
		if (*fd >= 0)
			(void)close(*fd);
		*fd = -1;
	}
	free(prepared.fields);
	prepared.fields = NULL;
	prepared.pid = 0;
}

static void end_prepared(void)
{
	(void)kill(prepared.pid, SIGKILL);
	(void)waitpid(prepared.pid, NULL, 0);
	forget_prepared();
}

/* A pair whose first end passes whole requests. */
static int request_pair(int pair[2])
{
	int room = REQUEST_MAX;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -1;
	(void)setsockopt(pair[0], SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof room);
	return 0;
}

static int open_mount_namespace(pid_t pid)
{
	char path[64];
	(void)snprintf(path, sizeof path, "/proc/%d/ns/mnt", pid);
	return open(path, O_RDONLY | O_CLOEXEC);
}

int spawn_prepare(struct fields request, struct error *err)
{
	int init[2], helper[2], reports[2], unused = -1;
	struct fields none = {NULL, 0};
	if (prepared.pid)
		return fail(err, "invalid", 0, "a container is prepared already");
	if (spawn_cgroup_create(PREPARED_CONTAINER, none, err) < 0)
		return -1;
	if (request_pair(init) < 0 || request_pair(helper) < 0 || report_open(reports, err) < 0)
		return fail(err, "system", errno, "preparing a container");
	pid_t pid = (pid_t)syscall(SYS_clone, INIT_NAMESPACES | SIGCHLD, 0, 0, 0, 0);
	if (pid == 0) {
		report_from(reports[1]);
		(void)close(init[0]);
		(void)close(helper[0]);
		prepare(request, init[1], helper[1]);
	}
	int saved = errno;
	(void)close(init[1]);
	(void)close(helper[1]);
	(void)close(reports[1]);
	prepared.pid = pid;
	prepared.init = init[0];
	prepared.helper = helper[0];
	prepared.reports = reports[0];
	uint8_t ready;
	if (pid < 0 || read(init[0], &ready, 1) != 1) {
		pid_t inner = 0;
		if (pid < 0 || report_take(reports[0], &inner, &unused, err) == 0)
			(void)fail(err, "start", saved, "preparing a container");
		if (pid > 0)
			(void)waitpid(pid, NULL, 0);
		forget_prepared();
		return -1;
	}
	prepared.mount_namespace = open_mount_namespace(pid);
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
	static const uint16_t same[] = {TAG_ROOT, TAG_MASKED, TAG_READONLY, TAG_SHM_SIZE, TAG_SECCOMP, TAG_CAP_BOUNDING};
	struct fields preparation = {prepared.fields, prepared.size};
	for (size_t i = 0; i < sizeof same / sizeof *same; i++)
		if (!same_list(preparation, request, same[i]))
			return false;
	return prepared.fields && strcmp(container, PREPARED_CONTAINER) == 0 && !fields_number(request, TAG_PRIVILEGED, 0) && !fields_count(request, TAG_SYSCTL) &&
	       !fields_count(request, TAG_BIND) && fields_count(request, TAG_FILE) <= PREPARED_FILES;
}

static int pass_on(struct fields request, struct spawn_stdio stdio, struct error *err)
{
	int fds[3] = {stdio.in, stdio.out, stdio.err};
	if (send_with(prepared.helper, request.data, request.size, NULL, 0) < 0 || send_with(prepared.init, request.data, request.size, fds, stdio.terminal ? 0 : 3) < 0)
		return fail(err, "start", errno, "passing the request on");
	return 0;
}

pid_t spawn_use_prepared(struct fields request, struct spawn_stdio stdio, const char *container, struct error *err)
{
	if (!prepared.pid)
		return 0;
	pid_t pid = prepared.pid, inner = 0;
	if (!prepared_fits(request, container)) {
		end_prepared();
		return 0;
	}
	if (spawn_cgroup_create(container, request, err) < 0 || pass_on(request, stdio, err) < 0 || report_take(prepared.reports, &inner, stdio.master, err) < 0) {
		end_prepared();
		return -1;
	}
	prepared.pid = 0;
	return pid;
}

int spawn_mount_namespace(pid_t pid)
{
	if (prepared.mount_namespace < 0)
		return open_mount_namespace(pid);
	int taken = prepared.mount_namespace;
	prepared.mount_namespace = -1;
	forget_prepared();
	return taken;
}
