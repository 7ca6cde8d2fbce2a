#include "spawn_cgroup.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "cgroup.h"
#include "operations.h"
#include "paths.h"
#include "spawn_devices.h"
#include "spawn_oom.h"

static const char base[] = "/sys/fs/cgroup/abode";

static void directory_of(const char *container, char path[512]) { (void)snprintf(path, 512, "%s/%s", base, container); }

static int set(const char *directory, const char *file, const char *value, struct error *err)
{
	char path[640];
	(void)snprintf(path, sizeof path, "%s/%s", directory, file);
	return path_write(path, value) < 0 ? fail(err, "start", errno, "limit %s = %s", file, value) : 0;
}

int spawn_cgroup_create(const char *container, struct fields request, struct error *err)
{
	char directory[512];
	directory_of(container, directory);
	if (mkdir(base, 0755) == 0)
		(void)path_write("/sys/fs/cgroup/abode/cgroup.subtree_control", "+memory +cpu +pids");
	if (mkdir(directory, 0755) < 0 && errno != EEXIST)
		return fail(err, "start", errno, "cgroup %s", directory);
	oom_watch(container, directory);
	if (spawn_devices_restrict(directory, fields_number(request, TAG_PRIVILEGED, 0) == 1, err) < 0)
		return -1;
	return spawn_cgroup_limit(container, request, err);
}

int spawn_cgroup_limit(const char *container, struct fields request, struct error *err)
{
	char directory[512], value[64];
	directory_of(container, directory);
	uint64_t memory = fields_number(request, TAG_LIMIT_MEMORY, 0), cpu = fields_number(request, TAG_LIMIT_CPU, 0), pids = fields_number(request, TAG_LIMIT_PIDS, 0);
	(void)snprintf(value, sizeof value, "%llu", (unsigned long long)memory);
	if (memory && (set(directory, "memory.max", value, err) < 0))
		return -1;
	(void)snprintf(value, sizeof value, "%llu 100000", (unsigned long long)(cpu / 10));
	if (cpu && set(directory, "cpu.max", value, err) < 0)
		return -1;
	(void)snprintf(value, sizeof value, "%llu", (unsigned long long)pids);
	return pids ? set(directory, "pids.max", value, err) : 0;
}

int spawn_cgroup_join(const char *container, struct error *err)
{
	char directory[512];
	directory_of(container, directory);
	char *const directories[] = {directory, NULL};
	const char *failed;
	return cgroup_join(directories, &failed) < 0 ? fail(err, "start", errno, "joining %s", failed) : 0;
}

pid_t spawn_cgroup_clone(const char *container, int flags, bool *inside)
{
	char directory[512];
	directory_of(container, directory);
	char *const directories[] = {directory, NULL};
	return cgroup_clone(directories, flags, inside);
}

void spawn_cleanup(const char *container)
{
	char directory[512], path[640];
	oom_forget(container);
	directory_of(container, directory);
	(void)snprintf(path, sizeof path, "%s/cgroup.kill", directory);
	(void)path_write(path, "1");
	(void)rmdir(directory);
}

int spawn_signal_all(const char *container, int signal_number, struct error *err)
{
	char path[640], directory[512], line[32];
	directory_of(container, directory);
	(void)snprintf(path, sizeof path, "%s/cgroup.procs", directory);
	FILE *list = fopen(path, "re");
	if (!list)
		return fail(err, "not-found", errno, "the processes of %s", container);
	while (fgets(line, sizeof line, list))
		(void)kill((pid_t)strtol(line, NULL, 10), signal_number);
	(void)fclose(list);
	return 0;
}
