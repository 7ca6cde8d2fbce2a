#include "vm_launch.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "cgroup.h"
#include "cleanup.h"
#include "confine.h"
#include "operations.h"
#include "vm_files.h"

enum { MAX_FDS = 64, SCRATCH = 512 };

/* Descriptors to hand to QEMU: ours, and the number it gets. */
struct handover {
	int source[MAX_FDS], target[MAX_FDS];
	unsigned count;
};

static int add(struct handover *list, int source, uint64_t target, struct error *err)
{
	if (source < 0)
		return -1;
	if (list->count == MAX_FDS || target < 3 || target >= SCRATCH) {
		(void)close(source);
		return fail(err, "invalid", 0, "descriptor %llu for QEMU", (unsigned long long)target);
	}
	list->source[list->count] = source;
	list->target[list->count++] = (int)target;
	return 0;
}

static void close_all(struct handover *list)
{
	for (unsigned i = 0; i < list->count; i++)
		(void)close(list->source[i]);
	list->count = 0;
}

static int open_files(struct fields request, struct handover *list, struct error *err)
{
	size_t cursor = 0;
	struct value value;
	while (fields_next(request, TAG_FD_OPEN, &cursor, &value)) {
		if (value.size < 9)
			return fail(err, "invalid", 0, "FD_OPEN without a path");
		cleanup_free char *path = value_string((struct value){value.data + 8, value.size - 8});
		int fd = path ? open(path, (int)bytes_u32(value.data + 4) | O_CLOEXEC, 0600) : -1;
		if (fd < 0)
			return fail(err, "system", errno, "open %s", path ? path : "(a path with NUL)");
		if (add(list, fd, bytes_u32(value.data), err) < 0)
			return -1;
	}
	return 0;
}

static int socket_pair(struct handover *list, int *ours, uint64_t target, struct error *err)
{
	int pair[2];
	if (target == 0)
		return 0;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return fail(err, "system", errno, "a socket pair");
	*ours = pair[0];
	(void)fcntl(pair[0], F_SETFL, O_RDWR | O_NONBLOCK);
	return add(list, pair[1], target, err);
}

static int open_tap(struct fields request, struct handover *list, struct error *err)
{
	uint64_t target = fields_number(request, TAG_TAP_FD, 0);
	if (target == 0)
		return 0;
	cleanup_free char *name = fields_string(request, TAG_HOST_IF), *bridge = fields_string(request, TAG_BRIDGE);
	if (!name)
		return fail(err, "invalid", 0, "a tap without HOST_IF");
	return add(list, net_tap_open(name, bridge, (unsigned)fields_number(request, TAG_MTU, 1500), err), target, err);
}

/* `cgroups`: those still to be joined, or NULL. */
static void become_qemu(struct fields request, char *const *arguments, char *const *cgroups, struct handover *list, int output, pid_t parent)
{
	struct error err;
	sigset_t none;
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)signal(SIGPIPE, SIG_DFL);
	(void)signal(SIGHUP, SIG_DFL);
	(void)setpgid(0, 0);
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	(void)dup2(null, 0);
	(void)dup2(output, 1);
	(void)dup2(output, 2);
	/* First all out of the targets' way, then each to its place. */
	for (unsigned i = 0; i < list->count; i++)
		list->source[i] = fcntl(list->source[i], F_DUPFD_CLOEXEC, SCRATCH);
	for (unsigned i = 0; i < list->count; i++)
		(void)dup2(list->source[i], list->target[i]);
	const char *failed;
	if (cgroup_join(cgroups, &failed) < 0) {
		(void)dprintf(2, "joining %s: %s\n", failed, strerror(errno));
		_exit(126);
	}
	if (confine_self(request, parent, &err) < 0) {
		(void)dprintf(2, "%s\n", err.message);
		_exit(126);
	}
	/* One heap that grows in large steps: a thread's own grows page by page, with a system call each. */
	char *const environment[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", "MALLOC_ARENA_MAX=1", "MALLOC_TOP_PAD_=8388608", "MALLOC_TRIM_THRESHOLD_=67108864", NULL};
	execve(arguments[0], arguments, environment);
	(void)dprintf(2, "%s: %s\n", arguments[0], strerror(errno));
	_exit(127);
}

pid_t vm_launch(struct fields request, struct vm_ends *ends, struct error *err)
{
	*ends = (struct vm_ends){-1, -1, -1};
	struct handover list = {.count = 0};
	cleanup_free char **arguments = fields_strings(request, TAG_ARG), **cgroups = fields_strings(request, TAG_CGROUP);
	int output[2] = {-1, -1}, files = -1;
	pid_t pid = -1;
	if (!arguments || !arguments[0])
		return fail(err, "invalid", 0, "VM_START without a command");
	if (open_files(request, &list, err) == 0 && socket_pair(&list, &ends->serial, fields_number(request, TAG_SERIAL_FD, 0), err) == 0 &&
	    socket_pair(&list, &ends->qmp, fields_number(request, TAG_QMP_FD, 0), err) == 0 &&
	    socket_pair(&list, &files, fields_number(request, TAG_FILES_FD, 0), err) == 0 && open_tap(request, &list, err) == 0) {
		if (pipe2(output, O_CLOEXEC) < 0) {
			fail(err, "system", errno, "a pipe for QEMU's messages");
		} else {
			pid_t parent = getpid();
			bool inside;
			pid = cgroup_clone(cgroups, SIGCHLD, &inside);
			if (pid == 0)
				become_qemu(request, arguments, inside ? NULL : cgroups, &list, output[1], parent);
			if (pid < 0)
				fail(err, "system", errno, "clone");
			(void)close(output[1]);
			ends->output = output[0];
			(void)fcntl(output[0], F_SETFL, O_NONBLOCK);
		}
	}
	close_all(&list);
	/* The server reads and writes as if there were nothing else. */
	if (files >= 0)
		(void)fcntl(files, F_SETFL, O_RDWR);
	if (pid >= 0)
		vm_files_keep(files);
	else if (files >= 0)
		(void)close(files);
	if (pid < 0) {
		for (int *fd = &ends->serial; fd <= &ends->output; fd++)
			if (*fd >= 0)
				(void)close(*fd);
	}
	return pid;
}
