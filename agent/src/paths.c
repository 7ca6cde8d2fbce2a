#include "paths.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

int path_mkdirs(const char *path, mode_t mode)
{
	char copy[4096];
	size_t length = strlen(path);
	if (length == 0 || length >= sizeof copy) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(copy, path, length + 1);
	for (char *at = copy + 1; *at; at++) {
		if (*at != '/')
			continue;
		*at = 0;
		if (mkdir(copy, 0755) < 0 && errno != EEXIST)
			return -1;
		*at = '/';
	}
	return mkdir(copy, mode) < 0 && errno != EEXIST ? -1 : 0;
}

int path_open_in(int root_fd, const char *path, int flags)
{
	struct open_how how = {.flags = (uint64_t)(flags | O_CLOEXEC), .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
	return (int)syscall(SYS_openat2, root_fd, path, &how, sizeof how);
}

static int mount_point(int root_fd, const char *path, int is_directory, int links);

/* What a link that leads nowhere (an image's /etc/resolv.conf, often) points at is made in its place. */
static int follow(int root_fd, int parent, const char *directory, const char *name, int is_directory, int links)
{
	char target[4096], path[8192];
	ssize_t length = readlinkat(parent, name, target, sizeof target - 1);
	if (length < 0)
		return -1;
	target[length] = 0;
	if (links == 0) {
		errno = ELOOP;
		return -1;
	}
	(void)snprintf(path, sizeof path, "%s/%s", target[0] == '/' ? "" : directory, target);
	return mount_point(root_fd, path, is_directory, links - 1);
}

static int make(int parent, const char *name, int is_directory) { return is_directory ? mkdirat(parent, name, 0755) : mknodat(parent, name, S_IFREG | 0644, 0); }

static int mount_point(int root_fd, const char *path, int is_directory, int links)
{
	int fd = path_open_in(root_fd, path, O_PATH);
	if (fd >= 0 || errno != ENOENT)
		return fd;
	char copy[4096];
	if (strlen(path) >= sizeof copy) {
		errno = ENAMETOOLONG;
		return -1;
	}
	(void)strcpy(copy, path);
	char *slash = strrchr(copy, '/');
	char *name = slash ? slash + 1 : copy;
	if (!*name || strcmp(name, "..") == 0 || strcmp(name, ".") == 0) {
		errno = EINVAL;
		return -1;
	}
	if (slash)
		*slash = 0;
	const char *directory = slash ? copy : "";
	int parent = *directory ? mount_point(root_fd, directory, 1, links) : path_open_in(root_fd, "/", O_PATH | O_DIRECTORY);
	if (parent < 0)
		return -1;
	if (make(parent, name, is_directory) == 0)
		fd = path_open_in(parent, name, O_PATH);
	else if (errno == EEXIST)
		fd = follow(root_fd, parent, directory, name, is_directory, links);
	int saved = errno;
	(void)close(parent);
	errno = saved;
	return fd;
}

int path_mount_point(int root_fd, const char *path, int is_directory) { return mount_point(root_fd, path, is_directory, 8); }

int path_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	ssize_t written = write(fd, text, strlen(text));
	int saved = errno;
	(void)close(fd);
	errno = saved;
	return written == (ssize_t)strlen(text) ? 0 : -1;
}
