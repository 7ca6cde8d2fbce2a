#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <sys/vfs.h>
#include <unistd.h>
#include "cleanup.h"
#include "operations.h"
#include "paths.h"
#include "write_all.h"

/* A switch of the kernel (a cgroup's, a sysctl): beside it no other file can be made. */
static int open_switch(const char *path)
{
	struct statfs system;
	int fd = open(path, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -1;
	if (fstatfs(fd, &system) == 0 && (system.f_type == CGROUP2_SUPER_MAGIC || system.f_type == PROC_SUPER_MAGIC || system.f_type == SYSFS_MAGIC))
		return fd;
	(void)close(fd);
	return -1;
}

int operation_write_file(struct fields request, struct builder *answer, struct error *err)
{
	(void)answer;
	cleanup_free char *path = fields_string(request, TAG_PATH);
	struct value content = fields_get(request, TAG_CONTENT);
	char parent[4096], temporary[4128];
	if (!path || path[0] != '/' || strlen(path) >= sizeof parent)
		return fail(err, "invalid", 0, "WRITE_FILE needs an absolute PATH");
	cleanup_close int direct = open_switch(path);
	if (direct >= 0)
		return write_all(direct, content.data, content.size) < 0 ? fail(err, "system", errno, "write %s", path) : 0;
	(void)strcpy(parent, path);
	*strrchr(parent, '/') = 0;
	if (*parent && path_mkdirs(parent, 0755) < 0)
		return fail(err, "system", errno, "mkdir %s", parent);
	(void)snprintf(temporary, sizeof temporary, "%s.abode-tmp", path);
	(void)unlink(temporary);
	cleanup_close int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return fail(err, "system", errno, "create %s", temporary);
	if (write_all(fd, content.data, content.size) < 0 || fchmod(fd, (mode_t)fields_number(request, TAG_MODE, 0644)) < 0 || rename(temporary, path) < 0) {
		int saved = errno;
		(void)unlink(temporary);
		return fail(err, "system", saved, "write %s", path);
	}
	return 0;
}

int operation_mkdir(struct fields request, struct builder *answer, struct error *err)
{
	(void)answer;
	cleanup_free char *path = fields_string(request, TAG_PATH);
	mode_t mode = (mode_t)fields_number(request, TAG_MODE, 0755);
	if (!path)
		return fail(err, "invalid", 0, "MKDIR without PATH");
	if (path_mkdirs(path, mode) < 0 || chmod(path, mode) < 0)
		return fail(err, "system", errno, "mkdir %s", path);
	if (fields_get(request, TAG_UID).data && lchown(path, (uid_t)fields_number(request, TAG_UID, 0), (gid_t)fields_number(request, TAG_GID, 0)) < 0)
		return fail(err, "system", errno, "chown %s", path);
	/* Of an overlay's upper layer: what the layers below have under this name is not seen. */
	if (fields_number(request, TAG_FLAGS, 0) & 1 && setxattr(path, "trusted.overlay.opaque", "y", 1, 0) < 0)
		return fail(err, "system", errno, "an opaque %s", path);
	return 0;
}

int path_remove_below(int parent, const char *name, dev_t device)
{
	struct stat info;
	if (unlinkat(parent, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return -1;
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -1;
	if (fstat(fd, &info) < 0 || info.st_dev != device) {
		(void)close(fd);
		errno = EXDEV;
		return -1;
	}
	DIR *directory = fdopendir(fd);
	int result = directory ? 0 : -1;
	for (struct dirent *entry; directory && (entry = readdir(directory));)
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 && path_remove_below(fd, entry->d_name, device) < 0)
			result = -1;
	int saved = errno;
	if (directory)
		(void)closedir(directory);
	errno = saved;
	return result < 0 ? -1 : unlinkat(parent, name, AT_REMOVEDIR);
}

int operation_remove(struct fields request, struct builder *answer, struct error *err)
{
	(void)answer;
	cleanup_free char *path = fields_string(request, TAG_PATH);
	struct stat info;
	if (!path || path[0] != '/' || strcmp(path, "/") == 0)
		return fail(err, "invalid", 0, "REMOVE needs an absolute PATH");
	if (lstat(path, &info) < 0)
		return errno == ENOENT ? 0 : fail(err, "system", errno, "remove %s", path);
	if (path_remove_below(AT_FDCWD, path, info.st_dev) < 0)
		return fail(err, "system", errno, "remove %s", path);
	return 0;
}
