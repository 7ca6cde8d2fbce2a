#include <errno.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <linux/mount.h>
#include <fcntl.h>
#include "bind.h"
#include "cleanup.h"
#include "share_pump.h"
#include "operations.h"
#include "paths.h"

enum { PAGE = 4095 };

/* mount(2) takes one page of options; an overlay of many layers needs the newer calls, which take layers one by one since Linux 6.5. */
static int mount_long_overlay(const char *target, char *options, unsigned long flags, struct error *err)
{
	cleanup_close int fs = (int)syscall(SYS_fsopen, "overlay", FSOPEN_CLOEXEC);
	if (fs < 0)
		return fail(err, "system", errno, "an overlay of many layers");
	char *rest = NULL;
	for (char *option = strtok_r(options, ",", &rest); option; option = strtok_r(NULL, ",", &rest)) {
		char *value = strchr(option, '=');
		if (value)
			*value++ = 0;
		if (value && strcmp(option, "lowerdir") == 0) {
			char *more = NULL;
			for (char *layer = strtok_r(value, ":", &more); layer; layer = strtok_r(NULL, ":", &more))
				if (syscall(SYS_fsconfig, fs, FSCONFIG_SET_STRING, "lowerdir+", layer, 0) < 0)
					return fail(err, "system", errno, "layer %s (this kernel may take no more than a page of layers)", layer);
		} else if (syscall(SYS_fsconfig, fs, value ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG, option, value, 0) < 0) {
			return fail(err, "system", errno, "overlay option %s", option);
		}
	}
	if (syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return fail(err, "system", errno, "the overlay on %s", target);
	cleanup_close int mounted = (int)syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, flags & MS_RDONLY ? MOUNT_ATTR_RDONLY : 0);
	if (mounted < 0 || syscall(SYS_move_mount, mounted, "", AT_FDCWD, target, MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return fail(err, "system", errno, "the overlay on %s", target);
	return 0;
}

int mount_filesystem(const char *source, const char *target, const char *type, unsigned long flags, char *data, struct error *err)
{
	if (data && type && strcmp(type, "overlay") == 0 && strlen(data) > PAGE)
		return mount_long_overlay(target, data, flags, err);
	if (mount(source, target, type, flags, data) < 0)
		return fail(err, "system", errno, "mount %s on %s", source ? source : type, target);
	if ((flags & MS_BIND) && (flags & MS_RDONLY) && mount(NULL, target, NULL, flags | MS_REMOUNT, NULL) < 0) {
		int saved = errno;
		(void)umount2(target, MNT_DETACH);
		return fail(err, "system", saved, "read-only bind on %s", target);
	}
	return 0;
}

int operation_mount(struct fields request, struct builder *answer, struct error *err)
{
	(void)answer;
	cleanup_free char *source = fields_string(request, TAG_SOURCE), *target = fields_string(request, TAG_TARGET);
	cleanup_free char *type = fields_string(request, TAG_FSTYPE), *data = fields_string(request, TAG_DATA);
	unsigned long flags = fields_number(request, TAG_FLAGS, 0);
	if (!target)
		return fail(err, "invalid", 0, "MOUNT without TARGET");
	cleanup_free char *root = fields_string(request, TAG_ROOT);
	if (root)
		return bind_beneath(root, source ? source : ".", target, flags, err);
	if (path_mkdirs(target, 0755) < 0 && errno != ENOTDIR)
		return fail(err, "system", errno, "mkdir %s", target);
	if (type && strcmp(type, "abode-files") == 0)
		return share_mount(target, flags, err);
	return mount_filesystem(source, target, type, flags, data, err);
}

int operation_umount(struct fields request, struct builder *answer, struct error *err)
{
	(void)answer;
	cleanup_free char *target = fields_string(request, TAG_TARGET);
	if (!target)
		return fail(err, "invalid", 0, "UMOUNT without TARGET");
	if (umount2(target, (int)fields_number(request, TAG_FLAGS, 0)) < 0 && errno != EINVAL && errno != ENOENT)
		return fail(err, "system", errno, "umount %s", target);
	return 0;
}
