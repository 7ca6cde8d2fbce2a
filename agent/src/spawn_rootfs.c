#include "spawn_rootfs.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include "cleanup.h"
#include "paths.h"

enum { NODEV_ETC = MS_NOSUID | MS_NOEXEC | MS_NODEV };

static void fd_path(char text[40], int fd) { (void)snprintf(text, 40, "/proc/self/fd/%d", fd); }

static int mount_in(int root, const char *path, const char *source, const char *type, unsigned long flags, const char *data, struct error *err)
{
	cleanup_close int fd = path_mount_point(root, path, 1);
	/* By the working directory: who is not among the container's processes has no /proc/self in it. */
	if (fd < 0 || fchdir(fd) < 0 || mount(source, ".", type, flags, data) < 0)
		return fail(err, "start", errno, "mount %s", path);
	return 0;
}

static int make_devices(int root, struct error *err)
{
	static const struct {
		const char *name;
		unsigned major, minor;
	} nodes[] = {{"null", 1, 3}, {"zero", 1, 5}, {"full", 1, 7}, {"random", 1, 8}, {"urandom", 1, 9}, {"tty", 5, 0}};
	static const char *const links[][2] = {
		{"/proc/self/fd", "fd"}, {"/proc/self/fd/0", "stdin"}, {"/proc/self/fd/1", "stdout"}, {"/proc/self/fd/2", "stderr"}, {"pts/ptmx", "ptmx"}, {"/proc/kcore", "core"},
	};
	cleanup_close int dev = path_open_in(root, "/dev", O_RDONLY | O_DIRECTORY);
	if (dev < 0)
		return fail(err, "start", errno, "/dev");
	mode_t mask = umask(0);
	for (size_t i = 0; i < sizeof nodes / sizeof *nodes; i++)
		if (mknodat(dev, nodes[i].name, S_IFCHR | 0666, makedev(nodes[i].major, nodes[i].minor)) < 0 && errno != EEXIST)
			return fail(err, "start", errno, "/dev/%s", nodes[i].name);
	for (size_t i = 0; i < sizeof links / sizeof *links; i++)
		if (symlinkat(links[i][0], dev, links[i][1]) < 0 && errno != EEXIST)
			return fail(err, "start", errno, "/dev/%s", links[i][1]);
	(void)umask(mask);
	return 0;
}

static int standard_mounts(int root, struct fields request, struct error *err)
{
	int privileged = fields_number(request, TAG_PRIVILEGED, 0) == 1;
	unsigned long access = privileged ? 0 : MS_RDONLY;
	char shm[64];
	(void)snprintf(shm, sizeof shm, "mode=1777,size=%llu", (unsigned long long)fields_number(request, TAG_SHM_SIZE, 67108864));
	if (mount_in(root, "/proc", "proc", "proc", NODEV_ETC, NULL, err) < 0 ||
	    (privileged ? mount_in(root, "/dev", "devtmpfs", "devtmpfs", MS_NOSUID, NULL, err) : mount_in(root, "/dev", "tmpfs", "tmpfs", MS_NOSUID | MS_STRICTATIME, "mode=755,size=65536k", err)) < 0 ||
	    mount_in(root, "/dev/pts", "devpts", "devpts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=0620,gid=5", err) < 0 ||
	    mount_in(root, "/sys", "sysfs", "sysfs", NODEV_ETC | access, NULL, err) < 0 ||
	    mount_in(root, "/sys/fs/cgroup", "cgroup", "cgroup2", NODEV_ETC | access, NULL, err) < 0 ||
	    mount_in(root, "/dev/mqueue", "mqueue", "mqueue", NODEV_ETC, NULL, err) < 0 ||
	    mount_in(root, "/dev/shm", "shm", "tmpfs", NODEV_ETC, shm, err) < 0)
		return -1;
	return 0;
}

static int bind_all(int root, struct fields request, struct error *err)
{
	size_t cursor = 0;
	struct value value;
	while (fields_next(request, TAG_BIND, &cursor, &value)) {
		if (value.size < 8 || bytes_u32(value.data + 4) > value.size - 8)
			return fail(err, "invalid", 0, "a malformed BIND");
		size_t source_size = bytes_u32(value.data + 4);
		cleanup_free char *source = value_string((struct value){value.data + 8, source_size});
		cleanup_free char *destination = value_string((struct value){value.data + 8 + source_size, value.size - 8 - source_size});
		struct stat info;
		char target[40];
		if (!source || !destination || stat(source, &info) < 0)
			return fail(err, "start", errno, "bind of %s", source ? source : "?");
		cleanup_close int fd = path_mount_point(root, destination, S_ISDIR(info.st_mode));
		fd_path(target, fd);
		if (fd < 0 || mount(source, target, NULL, MS_BIND | MS_REC, NULL) < 0)
			return fail(err, "start", errno, "bind %s on %s", source, destination);
		if (bytes_u32(value.data) & 1) {
			cleanup_close int bound = path_open_in(root, destination, O_PATH);
			fd_path(target, bound);
			if (bound < 0 || mount(NULL, target, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL) < 0)
				return fail(err, "start", errno, "read-only %s", destination);
		}
	}
	return 0;
}

/* Docker's --tmpfs options: words of mount(8), the rest is the filesystem's. */
static unsigned long tmpfs_flags(char *options, char *data, size_t capacity)
{
	static const struct {
		const char *word;
		unsigned long set, clear;
	} words[] = {
		{"ro", MS_RDONLY, 0}, {"rw", 0, MS_RDONLY}, {"noexec", MS_NOEXEC, 0}, {"exec", 0, MS_NOEXEC}, {"nosuid", MS_NOSUID, 0}, {"suid", 0, MS_NOSUID},
		{"nodev", MS_NODEV, 0}, {"dev", 0, MS_NODEV}, {"noatime", MS_NOATIME, 0}, {"strictatime", MS_STRICTATIME, 0},
	};
	unsigned long flags = NODEV_ETC;
	char *rest = NULL;
	data[0] = 0;
	for (char *option = strtok_r(options, ",", &rest); option; option = strtok_r(NULL, ",", &rest)) {
		size_t i = 0;
		while (i < sizeof words / sizeof *words && strcmp(words[i].word, option) != 0)
			i++;
		if (i < sizeof words / sizeof *words) {
			flags = (flags | words[i].set) & ~words[i].clear;
		} else if (strlen(data) + strlen(option) + 2 < capacity) {
			if (*data)
				(void)strcat(data, ",");
			(void)strcat(data, option);
		}
	}
	return flags;
}

static int mount_tmpfs(int root, struct fields request, struct error *err)
{
	cleanup_free char **list = fields_strings(request, TAG_TMPFS);
	for (char **entry = list; entry && *entry; entry++) {
		char data[512], *options = strchr(*entry, ':');
		if (options)
			*options++ = 0;
		unsigned long flags = tmpfs_flags(options ? options : *entry + strlen(*entry), data, sizeof data);
		if (mount_in(root, *entry, "tmpfs", "tmpfs", flags, data, err) < 0)
			return -1;
	}
	return 0;
}

static int set_sysctls(struct fields request, struct error *err)
{
	cleanup_free char **list = fields_strings(request, TAG_SYSCTL);
	for (char **entry = list; entry && *entry; entry++) {
		char path[256], *value = strchr(*entry, '=');
		if (!value)
			return fail(err, "invalid", 0, "sysctl %s", *entry);
		*value++ = 0;
		(void)snprintf(path, sizeof path, "/proc/sys/%s", *entry);
		for (char *at = path + 10; *at; at++)
			if (*at == '.')
				*at = '/';
		if (path_write(path, value) < 0)
			return fail(err, "start", errno, "sysctl %s", *entry);
	}
	return 0;
}

static int mask(const char *path, struct error *err)
{
	struct stat info;
	if (lstat(path, &info) < 0)
		return 0;
	int result = S_ISDIR(info.st_mode) ? mount("tmpfs", path, "tmpfs", MS_RDONLY, "size=0k,mode=755") : mount("/dev/null", path, NULL, MS_BIND, NULL);
	return result < 0 ? fail(err, "start", errno, "masking %s", path) : 0;
}

static int make_readonly(const char *path, struct error *err)
{
	struct statvfs info;
	if (mount(path, path, NULL, MS_BIND | MS_REC, NULL) < 0)
		return errno == ENOENT ? 0 : fail(err, "start", errno, "read-only %s", path);
	unsigned long kept = statvfs(path, &info) == 0 ? info.f_flag & (ST_NOSUID | ST_NODEV | ST_NOEXEC) : 0;
	if (mount(NULL, path, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY | kept, NULL) < 0)
		return fail(err, "start", errno, "read-only %s", path);
	return 0;
}

static int restrict_paths(struct fields request, struct error *err)
{
	cleanup_free char **masked = fields_strings(request, TAG_MASKED), **readonly = fields_strings(request, TAG_READONLY);
	for (char **path = readonly; path && *path; path++)
		if (make_readonly(*path, err) < 0)
			return -1;
	for (char **path = masked; path && *path; path++)
		if (mask(*path, err) < 0)
			return -1;
	return 0;
}

static int more_devices(int root, struct fields request, struct error *err)
{
	size_t cursor = 0;
	struct value value;
	while (fields_next(request, TAG_DEVICE, &cursor, &value)) {
		if (value.size < 17)
			return fail(err, "invalid", 0, "a malformed DEVICE");
		cleanup_free char *path = value_string((struct value){value.data + 16, value.size - 16});
		char parent[4096];
		if (!path || path[0] != '/' || strlen(path) >= sizeof parent)
			return fail(err, "invalid", 0, "a malformed DEVICE");
		(void)strcpy(parent, path);
		char *name = strrchr(parent, '/');
		*name++ = 0;
		cleanup_close int directory = path_mount_point(root, *parent ? parent : "/", 1);
		mode_t type = bytes_u32(value.data) == 'b' ? S_IFBLK : S_IFCHR;
		if (directory < 0 || (mknodat(directory, name, type | bytes_u32(value.data + 12), makedev(bytes_u32(value.data + 4), bytes_u32(value.data + 8))) < 0 && errno != EEXIST))
			return fail(err, "start", errno, "device %s", path);
	}
	return 0;
}

int spawn_rootfs_mount(struct fields request, size_t count, struct spawn_files *files, struct error *err)
{
	cleanup_free char *path = fields_string(request, TAG_ROOT);
	if (!path || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return fail(err, "start", errno, "a private mount namespace");
	cleanup_close int root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return fail(err, "start", errno, "root %s", path);
	if (standard_mounts(root, request, err) < 0 || make_devices(root, err) < 0 || spawn_files_make(files, count, err) < 0)
		return -1;
	return STEAL_FD(root);
}

int spawn_rootfs_fill(int root, struct fields request, const struct spawn_files *files, struct error *err)
{
	if (more_devices(root, request, err) < 0 || mount_tmpfs(root, request, err) < 0 || bind_all(root, request, err) < 0)
		return -1;
	return spawn_files_place(files, root, request, err);
}

int spawn_rootfs_change(int root, struct fields request, struct error *err)
{
	if (fchdir(root) < 0 || syscall(SYS_pivot_root, ".", ".") < 0 || umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
		return fail(err, "start", errno, "pivot_root");
	(void)close(root);
	return set_sysctls(request, err) < 0 ? -1 : restrict_paths(request, err);
}

int spawn_rootfs_finish(struct fields request, struct error *err)
{
	if (fields_number(request, TAG_READONLY_ROOT, 0) && mount(NULL, "/", NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL) < 0)
		return fail(err, "start", errno, "a read-only root");
	return 0;
}
