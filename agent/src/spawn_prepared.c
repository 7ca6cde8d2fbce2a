#include "spawn_prepared.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "cleanup.h"
#include "frame.h"
#include "spawn_cgroup.h"
#include "spawn_child.h"
#include "spawn_report.h"
#include "spawn_rootfs.h"

/* The name of the one container in a VM of its own. */
static const char PREPARED_CONTAINER[] = "container";

/* Its namespaces, cgroup and standard mounts are there. */
static struct {
	pid_t pid;
	int requests, reports; /* where START_PROCESS is passed on, and where the child tells how it went */
	uint8_t *fields;
	size_t size;
} prepared = {.requests = -1, .reports = -1};

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
		report_failure(&err);
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
	child_take_stdio(stdio);
	child_adjust_oom_score(request);
	child_name_host(request);
	if (spawn_rootfs_enter_staged(request, &err) < 0)
		report_failure(&err);
	child_become_command(request, stdio.terminal, 1);
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
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, requests) < 0)
		return fail(err, "system", errno, "preparing a container");
	if (report_open(reports, err) < 0)
		return -1;
	int room = REQUEST_MAX;
	(void)setsockopt(requests[0], SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof room);
	pid_t pid = (pid_t)syscall(SYS_clone, INIT_NAMESPACES | SIGCHLD, 0, 0, 0, 0);
	if (pid == 0) {
		report_from(reports[1]);
		run_prepared(request, requests[1]);
	}
	(void)close(requests[1]);
	(void)close(reports[1]);
	uint8_t ready;
	if (pid < 0 || read(requests[0], &ready, 1) != 1) {
		pid_t inner = 0;
		if (pid < 0 || report_take(reports[0], &inner, &unused, err) == 0)
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

pid_t spawn_use_prepared(struct fields request, struct spawn_stdio stdio, const char *container, struct error *err)
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
			result = report_take(prepared.reports, &inner, stdio.master, err);
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
