#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "cleanup.h"
#include "operations.h"
#include "spawn_cgroup.h"
#include "spawn_child.h"
#include "spawn_prepared.h"
#include "spawn_report.h"
#include "spawn_rootfs.h"

/* `container`: whose cgroup is still to be joined, or NULL. */
static void run_init(struct fields request, struct spawn_stdio stdio, const char *container)
{
	struct error err;
	child_take_stdio(stdio);
	if (container && spawn_cgroup_join(container, &err) < 0)
		report_failure(&err);
	child_adjust_oom_score(request, "/proc/self/oom_score_adj");
	child_name_host(request);
	if (unshare(CLONE_NEWCGROUP) < 0) {
		fail(&err, "start", errno, "a cgroup namespace");
		report_failure(&err);
	}
	struct spawn_files files;
	int root = spawn_rootfs_mount(request, fields_count(request, TAG_FILE), &files, &err);
	if (root < 0 || spawn_rootfs_fill(root, request, &files, &err) < 0 || spawn_rootfs_change(root, request, &err) < 0 || spawn_rootfs_finish(request, &err) < 0)
		report_failure(&err);
	child_become_command(request, stdio.terminal, 1);
}

/* The short-lived process between: enters the namespaces, and leaves its parent a child inside them. */
static void run_exec(struct fields request, struct spawn_stdio stdio, const char *container, pid_t join)
{
	struct error err;
	/* What is in the container sees this process before it gave up what it has: it may not look inside. exec ends this. */
	(void)prctl(PR_SET_DUMPABLE, 0);
	child_take_stdio(stdio);
	int target = (int)syscall(SYS_pidfd_open, join, 0);
	if (target < 0 || (container && spawn_cgroup_join(container, &err) < 0) || setns(target, CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWCGROUP) < 0) {
		fail(&err, "start", errno, "entering the container");
		report_failure(&err);
	}
	pid_t pid = (pid_t)syscall(SYS_clone, CLONE_PARENT | SIGCHLD, 0, 0, 0, 0);
	if (pid == 0)
		child_become_command(request, stdio.terminal, 0);
	if (pid < 0) {
		fail(&err, "start", errno, "fork");
		report_failure(&err);
	}
	report_pid(pid);
	_exit(0);
}

pid_t spawn_process(struct fields request, struct spawn_stdio stdio, pid_t join, struct error *err)
{
	cleanup_free char *container = fields_string(request, TAG_CONTAINER);
	int fds[2];
	if (!container || !*container || strchr(container, '/'))
		return fail(err, "invalid", 0, "START_PROCESS without a proper CONTAINER");
	if (join == 0) {
		pid_t ready = spawn_use_prepared(request, stdio, container, err);
		if (ready != 0)
			return ready;
		if (spawn_cgroup_create(container, request, err) < 0)
			return -1;
	}
	if (report_open(fds, err) < 0)
		return -1;
	int flags = join ? SIGCHLD : INIT_NAMESPACES | SIGCHLD;
	bool inside;
	pid_t pid = spawn_cgroup_clone(container, flags, &inside);
	if (pid == 0) {
		const char *outside = inside ? NULL : container;
		report_from(fds[1]);
		(void)close(fds[0]);
		if (join)
			run_exec(request, stdio, outside, join);
		run_init(request, stdio, outside);
	}
	int saved = errno;
	(void)close(fds[1]);
	pid_t inner = 0;
	int result = pid < 0 ? fail(err, "system", saved, "clone") : report_take(fds[0], &inner, stdio.master, err);
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
