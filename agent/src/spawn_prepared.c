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

enum { FDS_MAX = 2 * PREPARED_FILES };

/*
 * The init has everything but what its request alone brings: its filter and bounding set keep it from mounting by then. A helper does
 * that, inside its mount, UTS and IPC namespaces but not among its processes, and stays there: their taking down waits until it ends.
 */
static struct {
	pid_t pid, helper_pid;
	int init, helper, reports; /* where START_PROCESS is passed on, and where both tell how it went */
	uint8_t *fields;
	size_t size;
} prepared = {.init = -1, .helper = -1, .reports = -1};

/* A message with descriptors; those that did not come are -1. */
static ssize_t receive(int socket, void *data, size_t capacity, int fds[FDS_MAX])
{
	union {
		char bytes[CMSG_SPACE(sizeof(int) * FDS_MAX)];
		struct cmsghdr align;
	} control;
	struct iovec iov = {.iov_base = data, .iov_len = capacity};
	struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
	ssize_t size = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
	struct cmsghdr *head = size > 0 ? CMSG_FIRSTHDR(&message) : NULL;
	for (size_t i = 0; i < FDS_MAX; i++)
		fds[i] = -1;
	if (head && head->cmsg_type == SCM_RIGHTS)
		memcpy(fds, CMSG_DATA(head), head->cmsg_len - CMSG_LEN(0));
	return size;
}

static int send_with(int socket, const void *data, size_t size, const int *fds, size_t count)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int) * FDS_MAX)];
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

static struct fields receive_request(int socket, int fds[FDS_MAX])
{
	static uint8_t payload[REQUEST_MAX];
	ssize_t size = receive(socket, payload, sizeof payload, fds);
	if (size <= 0)
		_exit(1);
	return (struct fields){payload, (size_t)size};
}

static bool wants_terminal(struct fields request) { return fields_number(request, TAG_STDIO, 0) & 1; }

/* The agent's own descriptors are not for a process that stays. */
static void close_all_but(const int *kept, size_t count)
{
	for (int fd = 3; fd < 256; fd++) {
		size_t i = 0;
		while (i < count && kept[i] != fd)
			i++;
		if (i == count)
			(void)close(fd);
	}
}

static _Noreturn void run_helper(pid_t init, int requests, int done, const struct spawn_files *files)
{
	struct error err;
	int fds[FDS_MAX], master = -1;
	int target = (int)syscall(SYS_pidfd_open, init, 0);
	if (target < 0 || setns(target, CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC) < 0)
		_exit(1);
	struct fields request = receive_request(requests, fds);
	int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	child_adjust_oom_score(request, "/proc/1/oom_score_adj");
	child_name_host(request);
	if (root < 0 || spawn_set_limits(request, init, &err) < 0 || spawn_rootfs_fill(root, request, files, &err) < 0 || spawn_rootfs_finish(request, &err) < 0)
		report_failure(&err);
	if (wants_terminal(request)) {
		master = spawn_terminal_open(request, 1, &err);
		if (master < 0)
			report_failure(&err);
		report_master(master);
		(void)close(master);
	}
	const int slave = STDIN_FILENO;
	(void)send_with(done, "", 1, &slave, master >= 0);
	report_end();
	for (int fd = 0; fd < 3; fd++)
		(void)close(fd);
	for (;;)
		(void)pause();
}

static _Noreturn void run_init(int requests, int done)
{
	int fds[FDS_MAX], slave[FDS_MAX];
	char byte;
	struct fields request = receive_request(requests, fds);
	child_take_stdio((struct spawn_stdio){.in = fds[0], .out = fds[1], .err = fds[2], .terminal = wants_terminal(request)});
	/* Nothing comes from a helper that failed, but it has told why. */
	if (receive(done, &byte, 1, slave) != 1)
		_exit(1);
	child_become_prepared(request, slave[0]);
}

static _Noreturn void prepare_init(struct fields request, int requests, int done)
{
	struct error err;
	struct spawn_files files;
	int fds[FDS_MAX];
	if (spawn_cgroup_join(PREPARED_CONTAINER, &err) < 0)
		report_failure(&err);
	if (unshare(CLONE_NEWCGROUP) < 0) {
		fail(&err, "start", errno, "preparing a container");
		report_failure(&err);
	}
	int root = spawn_rootfs_mount(request, PREPARED_FILES, &files, &err);
	if (root < 0 || spawn_rootfs_change(root, request, &err) < 0)
		report_failure(&err);
	child_begin_session();
	if (spawn_restrict(request, &err) < 0)
		report_failure(&err);
	memcpy(fds, files.content, PREPARED_FILES * sizeof *fds);
	memcpy(fds + PREPARED_FILES, files.mount, PREPARED_FILES * sizeof *fds);
	if (send_with(requests, "", 1, fds, FDS_MAX) < 0)
		_exit(1);
	for (size_t i = 0; i < FDS_MAX; i++)
		(void)close(fds[i]);
	run_init(requests, done);
}

static void forget_prepared(void)
{
	for (int *fd = &prepared.init; fd <= &prepared.reports; fd++) {
		if (*fd >= 0)
			(void)close(*fd);
		*fd = -1;
	}
	free(prepared.fields);
	prepared.fields = NULL;
	prepared.pid = 0;
}

void spawn_end_helper(void)
{
	if (prepared.helper_pid > 0 && kill(prepared.helper_pid, SIGKILL) == 0)
		(void)waitpid(prepared.helper_pid, NULL, 0);
	prepared.helper_pid = 0;
}

static void end_prepared(void)
{
	spawn_end_helper();
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

static int open_pairs(int init[2], int helper[2], int done[2], int reports[2], struct error *err)
{
	if (request_pair(init) < 0 || request_pair(helper) < 0 || request_pair(done) < 0)
		return fail(err, "system", errno, "preparing a container");
	return report_open(reports, err);
}

/* The init is inside its namespaces, and gives the descriptors of the files that the helper fills. */
static pid_t fork_helper(pid_t init, const int pair[2], const int done[2], struct error *err)
{
	uint8_t byte;
	int fds[FDS_MAX], unused = -1;
	pid_t inner = 0;
	if (receive(prepared.init, &byte, 1, fds) != 1) {
		report_end();
		return report_take(prepared.reports, &inner, &unused, err) < 0 ? -1 : fail(err, "start", 0, "preparing a container");
	}
	struct spawn_files files = {.count = PREPARED_FILES};
	memcpy(files.content, fds, PREPARED_FILES * sizeof *fds);
	memcpy(files.mount, fds + PREPARED_FILES, PREPARED_FILES * sizeof *fds);
	pid_t pid = fork();
	if (pid == 0) {
		int kept[FDS_MAX + 3] = {pair[1], done[1], report_descriptor()};
		memcpy(kept + 3, fds, sizeof fds);
		close_all_but(kept, sizeof kept / sizeof *kept);
		run_helper(init, pair[1], done[1], &files);
	}
	for (size_t i = 0; i < FDS_MAX; i++)
		(void)close(fds[i]);
	return pid < 0 ? fail(err, "start", errno, "preparing a container") : pid;
}

int spawn_prepare(struct fields request, struct error *err)
{
	int init[2], helper[2], done[2], reports[2];
	struct fields none = {NULL, 0};
	if (prepared.pid)
		return fail(err, "invalid", 0, "a container is prepared already");
	spawn_end_helper();
	if (spawn_cgroup_create(PREPARED_CONTAINER, none, err) < 0 || open_pairs(init, helper, done, reports, err) < 0)
		return -1;
	report_from(reports[1]);
	pid_t pid = (pid_t)syscall(SYS_clone, INIT_NAMESPACES | SIGCHLD, 0, 0, 0, 0);
	if (pid == 0) {
		(void)close(init[0]);
		(void)close(helper[0]);
		(void)close(done[1]);
		prepare_init(request, init[1], done[0]);
	}
	(void)close(init[1]);
	prepared.pid = pid;
	prepared.init = init[0];
	prepared.helper = helper[0];
	prepared.reports = reports[0];
	prepared.helper_pid = pid < 0 ? fail(err, "start", errno, "preparing a container") : fork_helper(pid, helper, done, err);
	(void)close(helper[1]);
	(void)close(done[0]);
	(void)close(done[1]);
	report_end();
	if (prepared.helper_pid < 0) {
		end_prepared();
		return -1;
	}
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
	const int fds[] = {stdio.in, stdio.out, stdio.err};
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
	if (spawn_cgroup_limit(container, request, err) < 0 || pass_on(request, stdio, err) < 0 || report_take(prepared.reports, &inner, stdio.master, err) < 0) {
		end_prepared();
		return -1;
	}
	forget_prepared();
	return pid;
}

int spawn_hold_namespace(pid_t pid)
{
	char path[64];
	if (prepared.helper_pid > 0)
		return -1;
	(void)snprintf(path, sizeof path, "/proc/%d/ns/mnt", pid);
	return open(path, O_RDONLY | O_CLOEXEC);
}
