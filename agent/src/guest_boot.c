#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include "cleanup.h"
#include "netlink.h"
#include "operations.h"
#include "paths.h"
#include "virtio_port.h"

static int mount_on(const char *type, const char *target, unsigned long flags, const char *data, struct error *err)
{
	if ((mkdir(target, 0755) < 0 && errno != EEXIST) || (mount(type, target, type, flags, data) < 0 && errno != EBUSY))
		return fail(err, "system", errno, "mount %s on %s", type, target);
	return 0;
}

static int load_module(const char *name, struct error *err)
{
	char path[512];
	(void)snprintf(path, sizeof path, "/modules/%s", name);
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || (syscall(SYS_finit_module, fd, "", 0) < 0 && errno != EEXIST))
		return fail(err, "system", errno, "module %s", name);
	return 0;
}

static int load_modules(struct error *err)
{
	char name[256];
	FILE *order = fopen("/modules/order", "re");
	int result = 0;
	if (!order)
		return fail(err, "system", errno, "/modules/order");
	while (fgets(name, sizeof name, order)) {
		struct error one;
		name[strcspn(name, "\n")] = 0;
		if (*name && load_module(name, &one) < 0) {
			(void)dprintf(2, "abode-agent: %s\n", one.message);
			if (result == 0)
				*err = one;
			result = -1;
		}
	}
	(void)fclose(order);
	return result;
}

/* Copies a tree of the initramfs onto the new root: files, directories and links, nothing else is there. */
static int copy_tree(int from, int to, const char *name)
{
	struct stat info;
	char link[4096];
	if (fstatat(from, name, &info, AT_SYMLINK_NOFOLLOW) < 0)
		return -1;
	if (S_ISLNK(info.st_mode)) {
		ssize_t length = readlinkat(from, name, link, sizeof link - 1);
		link[length < 0 ? 0 : length] = 0;
		return symlinkat(link, to, name);
	}
	if (S_ISREG(info.st_mode)) {
		cleanup_close int in = openat(from, name, O_RDONLY | O_CLOEXEC), out = openat(to, name, O_WRONLY | O_CREAT | O_CLOEXEC, info.st_mode & 07777);
		static char buffer[65536];
		ssize_t count;
		while (in >= 0 && out >= 0 && (count = read(in, buffer, sizeof buffer)) > 0)
			if (write(out, buffer, (size_t)count) != count)
				return -1;
		return in < 0 || out < 0 ? -1 : 0;
	}
	if (!S_ISDIR(info.st_mode))
		return 0;
	(void)mkdirat(to, name, info.st_mode & 07777);
	int source = openat(from, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cleanup_close int target = openat(to, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *directory = source < 0 ? NULL : fdopendir(source);
	int result = directory && target >= 0 ? 0 : -1;
	for (struct dirent *entry; result == 0 && (entry = readdir(directory));)
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			result = copy_tree(source, target, entry->d_name);
	if (directory)
		(void)closedir(directory);
	return result;
}

/* pivot_root(2) refuses to leave the initramfs, so what containers need is moved to a root that it can leave: crun and its libraries. */
static int leave_initramfs(struct error *err)
{
	static const char *const kept[] = {"init", "usr", "lib", "lib64", "bin", "sbin", "etc"};
	if (mount_on("tmpfs", "/newroot", MS_NOATIME, "mode=755,size=64m", err) < 0)
		return -1;
	cleanup_close int from = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC), to = open("/newroot", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
		if (faccessat(from, kept[i], F_OK, AT_SYMLINK_NOFOLLOW) == 0 && copy_tree(from, to, kept[i]) < 0)
			return fail(err, "system", errno, "copying /%s", kept[i]);
	if (chdir("/newroot") < 0 || mount(".", "/", NULL, MS_MOVE, NULL) < 0 || chroot(".") < 0 || chdir("/") < 0)
		return fail(err, "system", errno, "leaving the initramfs");
	return 0;
}

static int loopback_up(struct error *err)
{
	struct builder answer = {0}, request = {0};
	builder_string(&request, TAG_IFNAME, "lo");
	int result = operation_net_configure((struct fields){request.data, request.size}, &answer, err);
	builder_free(&request);
	return result;
}

/*
 * A read from a disk costs a guest far more than the bytes do: programs are read in few large pieces. The host orders and throttles
 * what reaches its disks, so the guest does not.
 */
static void tune_disks(void)
{
	static const char *const settings[][2] = {{"read_ahead_kb", "1024"}, {"scheduler", "none"}, {"wbt_lat_usec", "0"}};
	char path[64];
	for (char letter = 'a'; letter <= 'z'; letter++) {
		for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
			(void)snprintf(path, sizeof path, "/sys/block/vd%c/queue/%s", letter, settings[i][0]);
			(void)path_write(path, settings[i][1]);
		}
	}
}

int guest_boot(struct error *err)
{
	/* What containers have where nothing bounds the engine. */
	const struct rlimit files = {1048576, 1048576};
	(void)setrlimit(RLIMIT_NOFILE, &files);
	(void)umask(0);
	if (mount_on("devtmpfs", "/dev", MS_NOSUID, "mode=755", err) < 0)
		return -1;
	int console = open("/dev/console", O_RDWR);
	for (int fd = 0; fd < 3 && console >= 0; fd++)
		(void)dup2(console, fd);
	if (console > 2)
		(void)close(console);
	int result = load_modules(err);
	if (leave_initramfs(err) < 0 || mount_on("proc", "/proc", MS_NOSUID | MS_NOEXEC | MS_NODEV, NULL, err) < 0 ||
	    mount_on("sysfs", "/sys", MS_NOSUID | MS_NOEXEC | MS_NODEV, NULL, err) < 0 || mount_on("devtmpfs", "/dev", MS_NOSUID, "mode=755", err) < 0 ||
	    mount_on("devpts", "/dev/pts", MS_NOSUID | MS_NOEXEC, "mode=620,gid=5,ptmxmode=666", err) < 0 ||
	    mount_on("tmpfs", "/run", MS_NOSUID | MS_NODEV, "mode=755", err) < 0 || mount_on("tmpfs", "/tmp", MS_NOSUID | MS_NODEV, "mode=1777", err) < 0 ||
	    mount_on("cgroup2", "/sys/fs/cgroup", MS_NOSUID | MS_NOEXEC | MS_NODEV, NULL, err) < 0)
		return -1;
	(void)umask(0022);
	(void)mkdir("/etc", 0755);
	(void)mkdir("/root", 0700);
	(void)path_write("/sys/fs/cgroup/cgroup.subtree_control", "+memory +cpu +pids +cpuset");
	(void)path_write("/proc/sys/net/ipv4/ip_forward", "1");
	(void)path_write("/proc/sys/kernel/sysrq", "1");
	tune_disks();
	/* Statistics and compaction of an idle machine: their timers only wake it. */
	(void)path_write("/proc/sys/vm/stat_interval", "60");
	(void)path_write("/proc/sys/vm/compaction_proactiveness", "0");
	if (loopback_up(err) < 0)
		return -1;
	return result;
}

int guest_port_open(struct error *err)
{
	/* The name comes by a control message of the host some milliseconds after the driver; nothing else can be waited for. */
	for (int tries = 0; tries < 2000; tries++) {
		int fd = virtio_port_open("abode.agent");
		if (fd >= 0)
			return fd;
		(void)poll(NULL, 0, 5);
	}
	return fail(err, "not-found", 0, "no virtio port is named abode.agent");
}

/* Last mounted first, so that nothing below holds what is above; what refuses is left to sync. */
static void unmount_all(void)
{
	enum { MOST = 512 };
	static char *targets[MOST];
	size_t count = 0;
	char line[4096];
	FILE *list = fopen("/proc/self/mounts", "re");
	while (list && count < MOST && fgets(line, sizeof line, list)) {
		char *target = strchr(line, ' ');
		if (!target)
			continue;
		target++;
		target[strcspn(target, " ")] = 0;
		if (strncmp(target, "/run/", 5) == 0 && (targets[count] = strdup(target)))
			count++;
	}
	if (list)
		(void)fclose(list);
	while (count)
		(void)umount2(targets[--count], MNT_DETACH);
}

void guest_power_off(void)
{
	unmount_all();
	sync();
	(void)reboot(RB_POWER_OFF);
	for (;;)
		(void)pause();
}
