#include "bind.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "cleanup.h"
#include "paths.h"

static int host_namespace = -1;

void bind_remember_host(void) { host_namespace = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC); }

static int open_beneath(const char *root, const char *source, struct error *err)
{
	cleanup_close int base = open(root, O_PATH | O_CLOEXEC);
	if (base < 0)
		return fail(err, "not-found", errno, "cannot access path %s", root);
	if (strcmp(source, ".") == 0)
		return STEAL_FD(base);
	struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
	int fd = (int)syscall(SYS_openat2, base, source, &how, sizeof how);
	if (fd < 0 && errno == EXDEV)
		return fail(err, "invalid", 0, "path concatenation escapes the base directory: %s", source);
	return fd < 0 ? fail(err, "not-found", errno, "cannot access path %s in the volume", source) : fd;
}

/* A copy of the mount, not placed yet. */
static int take_tree(const char *root, const char *source, unsigned long flags, struct stat *info, struct error *err)
{
	cleanup_close int fd = open_beneath(root, source, err);
	if (fd < 0)
		return -1;
	unsigned clone = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | (flags & MS_REC ? AT_RECURSIVE : 0);
	int tree = (int)syscall(SYS_open_tree, fd, "", clone);
	if (tree < 0 || fstat(fd, info) < 0) {
		int saved = errno;
		if (tree >= 0)
			(void)close(tree);
		return fail(err, "system", saved, "a mount of %s", source);
	}
	return tree;
}

/* The host's mounts have peers that those of this process's namespace, which only hears of them, have not; and where the host's root is
 * private it does not even hear. */
static int take_tree_of_host(const char *root, const char *source, unsigned long flags, struct stat *info, struct error *err)
{
	cleanup_close int own = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	if (own < 0 || setns(host_namespace, CLONE_NEWNS) < 0)
		return fail(err, "system", errno, "the host's mount namespace");
	int tree = take_tree(root, source, flags, info, err);
	if (setns(own, CLONE_NEWNS) < 0 || chdir("/") < 0)
		return fail(err, "system", errno, "the way back into the own mount namespace");
	return tree;
}

static int make_target(const char *target, const struct stat *info)
{
	if (S_ISDIR(info->st_mode))
		return path_mkdirs(target, 0755);
	char parent[4096];
	(void)snprintf(parent, sizeof parent, "%s", target);
	*strrchr(parent, '/') = 0;
	if (path_mkdirs(parent, 0755) < 0)
		return -1;
	int fd = open(target, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	return fd < 0 ? -1 : close(fd);
}

int bind_beneath(const char *root, const char *source, const char *target, unsigned long flags, struct error *err)
{
	struct stat info;
	cleanup_close int tree = host_namespace >= 0 ? take_tree_of_host(root, source, flags, &info, err)
									  : take_tree(root, source, flags, &info, err);
	if (tree < 0)
		return -1;
	struct mount_attr readonly = {.attr_set = MOUNT_ATTR_RDONLY};
	if (flags & MS_RDONLY && syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH | AT_RECURSIVE, &readonly, sizeof readonly) < 0)
		return fail(err, "system", errno, "a read-only mount of %s", source);
	struct mount_attr apart = {.propagation = flags & MS_SLAVE ? MS_SLAVE : MS_PRIVATE};
	if (!(flags & MS_SHARED) && syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH | AT_RECURSIVE, &apart, sizeof apart) < 0)
		return fail(err, "system", errno, "the propagation of a mount of %s", source);
	if (make_target(target, &info) < 0)
		return fail(err, "system", errno, "a place for %s", source);
	if (syscall(SYS_move_mount, tree, "", AT_FDCWD, target, MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return fail(err, "system", errno, "mounting %s on %s", source, target);
	return 0;
}
