#include "confine.h"
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <linux/landlock.h>
#include <unistd.h>
#include "cleanup.h"

/* Newer than the headers of Debian 12 (linux/landlock.h of 6.2, 6.7, 6.10, 6.12). */
struct ruleset_attr {
	uint64_t fs, net, scoped;
};
enum {
	FS_READ = LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE,
	FS_DIRECTORY = LANDLOCK_ACCESS_FS_READ_DIR,
	FS_ABI_1 = (1 << 13) - 1,
	FS_REFER = 1 << 13,
	FS_TRUNCATE = 1 << 14,
	FS_IOCTL = 1 << 15,
	NET_ALL = 3,
	SCOPED_ALL = 3,
};

static int allow_path(int ruleset, const char *path, int abi, struct error *err)
{
	cleanup_close int fd = open(path, O_PATH | O_CLOEXEC);
	struct stat info;
	if (fd < 0 || fstat(fd, &info) < 0)
		return errno == ENOENT ? 0 : fail(err, "confine", errno, "%s", path);
	uint64_t access = FS_READ | (S_ISDIR(info.st_mode) ? FS_DIRECTORY : 0);
	if (S_ISCHR(info.st_mode))
		access = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | (abi >= 5 ? FS_IOCTL : 0);
	struct landlock_path_beneath_attr rule = {.allowed_access = access, .parent_fd = fd};
	if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0)
		return fail(err, "confine", errno, "Landlock rule for %s", path);
	return 0;
}

static int restrict_files(struct fields request, struct error *err)
{
	if (fields_count(request, TAG_LANDLOCK_READ) == 0)
		return 0;
	int abi = (int)syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	if (abi < 1) {
		(void)dprintf(2, "abode-agent: this kernel has no Landlock: QEMU is confined by its user and its seccomp filter only\n");
		return 0;
	}
	struct ruleset_attr attr = {
		.fs = FS_ABI_1 | (abi >= 2 ? FS_REFER : 0) | (abi >= 3 ? FS_TRUNCATE : 0) | (abi >= 5 ? FS_IOCTL : 0),
		.net = abi >= 4 ? NET_ALL : 0,
		.scoped = abi >= 6 ? SCOPED_ALL : 0,
	};
	size_t size = abi >= 6 ? 24 : abi >= 4 ? 16 : 8;
	cleanup_close int ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, size, 0);
	cleanup_free char **paths = fields_strings(request, TAG_LANDLOCK_READ);
	if (ruleset < 0 || !paths)
		return fail(err, "confine", errno, "a Landlock ruleset");
	for (char **path = paths; *path; path++)
		if (allow_path(ruleset, *path, abi, err) < 0)
			return -1;
	if (syscall(SYS_landlock_restrict_self, ruleset, 0) < 0)
		return fail(err, "confine", errno, "Landlock");
	return 0;
}

static int become(struct fields request, struct error *err)
{
	gid_t groups[32];
	size_t count = 0, cursor = 0;
	struct value value;
	while (count < 32 && fields_next(request, TAG_GROUP, &cursor, &value))
		if (value.size == 8)
			groups[count++] = (gid_t)(value.data[0] | value.data[1] << 8 | value.data[2] << 16 | (uint32_t)value.data[3] << 24);
	uid_t uid = (uid_t)fields_number(request, TAG_UID, 0);
	gid_t gid = (gid_t)fields_number(request, TAG_GID, 0);
	if (uid == 0 || gid == 0)
		return fail(err, "confine", 0, "QEMU never runs as root: VM_START needs UID and GID");
	for (int capability = 0; prctl(PR_CAPBSET_READ, capability) >= 0; capability++)
		(void)prctl(PR_CAPBSET_DROP, capability);
	if (setgroups(count, groups) < 0 || setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0)
		return fail(err, "confine", errno, "becoming user %u", uid);
	return 0;
}

int confine_self(struct fields request, pid_t parent, struct error *err)
{
	struct rlimit none = {0, 0};
	(void)setrlimit(RLIMIT_CORE, &none);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return fail(err, "confine", errno, "no_new_privs");
	if (restrict_files(request, err) < 0 || become(request, err) < 0)
		return -1;
	/* After the change of user, which clears it. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
		return fail(err, "confine", 0, "the shim is gone");
	return 0;
}
