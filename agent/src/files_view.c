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

/* By descriptors: a place in the container is one that it may change meanwhile. */
static int mount_at(int at, int source, const char *mode, struct error *err)
{
	char from[40], target[40];
	(void)snprintf(from, sizeof from, "/proc/self/fd/%d", source);
	(void)snprintf(target, sizeof target, "/proc/self/fd/%d", at);
	if (mount(from, target, NULL, MS_BIND | MS_REC, NULL) < 0)
		return fail(err, "system", errno, "a bind");
	return strcmp(mode, "ro") == 0 ? 1 : 0;
}

static int bind_one(int root, char **words, struct error *err)
{
	const char *source_path = words[0], *beneath = words[1], *place = words[2], *mode = words[3];
	struct stat info;
	char target[40];
	cleanup_close int whole = open(source_path, O_PATH | O_CLOEXEC);
	cleanup_close int source = whole < 0 ? -1 : path_open_in(whole, *beneath ? beneath : ".", O_PATH);
	/* A file has nothing beneath it. */
	int chosen = source < 0 && whole >= 0 && !*beneath ? whole : source;
	if (chosen < 0 || fstat(chosen, &info) < 0)
		return fail(err, "system", errno, "%s", source_path);
	cleanup_close int at = path_mount_point(root, place, S_ISDIR(info.st_mode));
	if (at < 0)
		return fail(err, "system", errno, "%s in the container", place);
	int readonly = mount_at(at, chosen, mode, err);
	if (readonly <= 0)
		return readonly;
	cleanup_close int bound = path_open_in(root, place, O_PATH);
	(void)snprintf(target, sizeof target, "/proc/self/fd/%d", bound);
	if (bound < 0 || mount(NULL, target, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY | HARMLESS, NULL) < 0)
		return fail(err, "system", errno, "read-only %s", place);
	return 0;
}

/* What the container has mounted of the host's. A place that is not there yet is made, as the container's start does. */
static int bind_all(const struct view *view, int root, struct error *err)
{
	for (int i = 0; i < view->bind_count; i++)
		if (bind_one(root, view->binds + BIND_WORDS * i, err) < 0)
			return -1;
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
