#include "cgroup.h"
#include <fcntl.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "cleanup.h"

static bool counts_a_kill(const char *directory, const char *file)
{
	char path[4096], text[4096];
	(void)snprintf(path, sizeof path, "%s/%s", directory, file);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	ssize_t count = read(fd, text, sizeof text - 1);
	(void)close(fd);
	if (count <= 0)
		return false;
	text[count] = 0;
	for (char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, "oom_kill ", 9) == 0)
			return strtoul(line + 9, NULL, 10) > 0;
		if (!*line)
			break;
	}
	return false;
}

bool cgroup_oom_killed(char *const *directories)
{
	for (; directories && *directories; directories++)
		if (counts_a_kill(*directories, "memory.events") || counts_a_kill(*directories, "memory.oom_control"))
			return true;
	return false;
}

/* clone3(2)'s arguments up to `cgroup` (Linux 5.7). */
struct clone_arguments {
	uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size, cgroup;
};

#define INTO_CGROUP 0x200000000ULL

static bool has_file(const char *directory, const char *name)
{
	char path[4096];
	(void)snprintf(path, sizeof path, "%s/%s", directory, name);
	return access(path, F_OK) == 0;
}

/* Moving a process makes the kernel wait for an RCU grace period, some ten milliseconds; starting it there does not. */
pid_t cgroup_clone(char *const *directories, int flags, bool *inside)
{
	*inside = true;
	if (!directories || !directories[0])
		return (pid_t)syscall(SYS_clone, flags, 0, 0, 0, 0);
	if (!directories[1] && !has_file(directories[0], "tasks")) {
		cleanup_close int directory = open(directories[0], O_PATH | O_DIRECTORY | O_CLOEXEC);
		struct clone_arguments arguments = {
		    .flags = INTO_CGROUP | ((unsigned)flags & ~(unsigned)CSIGNAL), .exit_signal = (unsigned)flags & CSIGNAL, .cgroup = (uint64_t)directory};
		pid_t pid = directory < 0 ? -1 : (pid_t)syscall(SYS_clone3, &arguments, sizeof arguments);
		if (pid >= 0)
			return pid;
	}
	*inside = false;
	return (pid_t)syscall(SYS_clone, flags, 0, 0, 0, 0);
}

/* Of version 1 `tasks`, which moves one thread, and itself without that wait (cgroup_procs_write_start in the kernel's cgroup.c). */
static int join(const char *directory)
{
	char path[4096];
	(void)snprintf(path, sizeof path, "%s/%s", directory, has_file(directory, "tasks") ? "tasks" : "cgroup.procs");
	cleanup_close int fd = open(path, O_WRONLY | O_CLOEXEC);
	return fd >= 0 && write(fd, "0", 1) == 1 ? 0 : -1;
}

int cgroup_join(char *const *directories, const char **failed)
{
	for (; directories && *directories; directories++)
		if (join(*directories) < 0) {
			*failed = *directories;
			return -1;
		}
	return 0;
}
