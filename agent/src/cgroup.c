#include "cgroup.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

int cgroup_join(const char *directory, int pid)
{
	char path[4096], text[16];
	(void)snprintf(path, sizeof path, "%s/cgroup.procs", directory);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	int length = snprintf(text, sizeof text, "%d", pid);
	ssize_t written = write(fd, text, (size_t)length);
	(void)close(fd);
	return written == length ? 0 : -1;
}
