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

int path_mount_point(int root_fd, const char *path, int is_directory)
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
	int parent;
	if (slash && slash != copy) {
		*slash = 0;
		parent = path_mount_point(root_fd, copy, 1);
	} else {
		parent = path_open_in(root_fd, "/", O_PATH | O_DIRECTORY);
	}
	if (parent < 0)
		return -1;
	int made = is_directory ? mkdirat(parent, name, 0755) : mknodat(parent, name, S_IFREG | 0644, 0);
	int saved = errno;
	(void)close(parent);
	if (made < 0 && saved != EEXIST) {
		errno = saved;
		return -1;
	}
	return path_open_in(root_fd, path, O_PATH);
}

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
