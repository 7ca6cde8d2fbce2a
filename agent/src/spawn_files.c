#include "spawn_files.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "cleanup.h"
#include "paths.h"
#include "write_all.h"

/* Covered for a moment, in the namespace of the container to be alone. */
static const char place[] = "/run";

int spawn_files_make(struct spawn_files *files, size_t count, struct error *err)
{
	files->count = 0;
	if (count == 0)
		return 0;
	if (count > SPAWN_FILES_MAX)
		return fail(err, "invalid", 0, "more than %d files", SPAWN_FILES_MAX);
	if (mount("tmpfs", place, "tmpfs", MS_NOSUID | MS_NODEV, "mode=755,size=16m") < 0)
		return fail(err, "start", errno, "a place for files");
	for (size_t i = 0; i < count; i++) {
		char path[32];
		(void)snprintf(path, sizeof path, "%s/%zu", place, i);
		files->content[i] = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
		files->mount[i] = (int)syscall(SYS_open_tree, AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
		if (files->content[i] < 0 || files->mount[i] < 0)
			return fail(err, "start", errno, "a file of the container");
		files->count++;
	}
	return umount2(place, MNT_DETACH) < 0 ? fail(err, "start", errno, "leaving the place for files") : 0;
}

int spawn_files_place(const struct spawn_files *files, int root, struct fields request, struct error *err)
{
	size_t cursor = 0, i = 0;
	struct value value;
	for (; fields_next(request, TAG_FILE, &cursor, &value); i++) {
		if (i == files->count || value.size < 4 || bytes_u32(value.data) > value.size - 4)
			return fail(err, "invalid", 0, "a malformed FILE");
		size_t length = bytes_u32(value.data);
		cleanup_free char *destination = value_string((struct value){value.data + 4, length});
		if (!destination)
			return fail(err, "invalid", 0, "a malformed FILE");
		if (write_all(files->content[i], value.data + 4 + length, value.size - 4 - length) < 0)
			return fail(err, "start", errno, "writing %s", destination);
		cleanup_close int target = path_mount_point(root, destination, 0);
		if (target < 0 || syscall(SYS_move_mount, files->mount[i], "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
			return fail(err, "start", errno, "mount %s", destination);
	}
	return 0;
}
