#include "files_view.h"
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>
#include "cleanup.h"
#include "paths.h"

enum { HARMLESS = MS_NODEV | MS_NOSUID | MS_NOEXEC };

static int mount_at(int fd, const char *source, struct error *err)
{
	char target[40];
	(void)snprintf(target, sizeof target, "/proc/self/fd/%d", fd);
	return mount(source, target, NULL, MS_BIND | MS_REC, NULL) < 0 ? fail(err, "system", errno, "bind of %s", source) : 0;
}

/* What the container has mounted of the host's. A place that is not there yet is made, as the container's start does. */
static int bind_all(const struct view *view, int root, struct error *err)
{
	for (int i = 0; i < view->bind_count; i++) {
		const char *source = view->binds[2 * i], *place = view->binds[2 * i + 1];
		struct stat info;
		if (stat(source, &info) < 0)
			return fail(err, "system", errno, "%s", source);
		cleanup_close int at = path_mount_point(root, place, S_ISDIR(info.st_mode));
		if (at < 0)
			return fail(err, "system", errno, "%s in the container", place);
		if (mount_at(at, source, err) < 0)
			return -1;
	}
	return 0;
}

int view_mount(const struct view *view, struct error *err)
{
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return fail(err, "system", errno, "a mount namespace");
	if (view->overlay && mount("overlay", view->overlay_at, "overlay", MS_NOATIME, view->overlay) < 0)
		return fail(err, "system", errno, "the container's layers");
	return 0;
}

int view_enter(const struct view *view, struct error *err)
{
	/* A mount of its own, so that it can have flags of its own. */
	if (mount(view->root, view->root, NULL, MS_BIND, NULL) < 0 || mount(NULL, view->root, NULL, MS_BIND | MS_REMOUNT | HARMLESS, NULL) < 0)
		return fail(err, "system", errno, "%s", view->root);
	cleanup_close int root = open(view->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return fail(err, "system", errno, "%s", view->root);
	if (bind_all(view, root, err) < 0)
		return -1;
	if (fchdir(root) < 0 || chroot(".") < 0 || chdir("/") < 0)
		return fail(err, "system", errno, "entering %s", view->root);
	return 0;
}
