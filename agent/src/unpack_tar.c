#include "unpack_tar.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/mount.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What extraction needs. Not CAP_DAC_READ_SEARCH: with it open_by_handle_at(2) reaches every file of the layer's file system. */
static const uint32_t CAPABILITIES = 1u << CAP_CHOWN | 1u << CAP_DAC_OVERRIDE | 1u << CAP_FOWNER | 1u << CAP_FSETID | 1u << CAP_MKNOD | 1u << CAP_SETFCAP;

/* Where a program and its libraries may be. */
static const char *const SYSTEM[] = {"/usr", "/bin", "/lib", "/lib64"};
enum { SYSTEM_COUNT = sizeof SYSTEM / sizeof *SYSTEM };

struct tree {
	int fd;          /* a detached mount, or -1 */
	char link[256];  /* or what a link says */
};

static int set_attributes(int fd, uint64_t attributes)
{
	struct mount_attr attr = {.attr_set = attributes};
	return (int)syscall(SYS_mount_setattr, fd, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr, sizeof attr);
}

static int copy_tree(const char *path, unsigned flags, uint64_t attributes)
{
	int fd = (int)syscall(SYS_open_tree, AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | flags);
	if (fd >= 0 && set_attributes(fd, attributes) < 0) {
		int saved = errno;
		(void)close(fd);
		errno = saved;
		return -1;
	}
	return fd;
}

static int place_tree(int fd, const char *target) { return (int)syscall(SYS_move_mount, fd, "", AT_FDCWD, target, MOVE_MOUNT_F_EMPTY_PATH); }

static int copy_system(struct tree trees[SYSTEM_COUNT], struct error *err)
{
	for (size_t i = 0; i < SYSTEM_COUNT; i++) {
		trees[i] = (struct tree){.fd = -1};
		ssize_t length = readlink(SYSTEM[i], trees[i].link, sizeof trees[i].link - 1);
		if (length >= 0) {
			trees[i].link[length] = 0;
			continue;
		}
		trees[i].fd = copy_tree(SYSTEM[i], AT_RECURSIVE, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
		if (trees[i].fd < 0 && errno != ENOENT)
			return fail(err, "unpack", errno, "a read-only %s", SYSTEM[i]);
	}
	return 0;
}

static int place_system(const struct tree trees[SYSTEM_COUNT], struct error *err)
{
	for (size_t i = 0; i < SYSTEM_COUNT; i++) {
		const char *name = SYSTEM[i] + 1;
		if (trees[i].link[0] && symlink(trees[i].link, name) < 0)
			return fail(err, "unpack", errno, "the link %s", SYSTEM[i]);
		if (trees[i].fd >= 0 && (mkdir(name, 0755) < 0 || place_tree(trees[i].fd, name) < 0))
			return fail(err, "unpack", errno, "mounting %s", SYSTEM[i]);
	}
	return 0;
}

/* A root of memory with the system's programs, read-only, and the layer at /layer. It is mounted over the layer's own directory, in this
 * mount namespace only: that place exists for sure. */
static int enter_root(const char *directory, struct error *err)
{
	struct tree trees[SYSTEM_COUNT];
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return fail(err, "unpack", errno, "a private mount namespace");
	int layer = copy_tree(directory, 0, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
	if (layer < 0)
		return fail(err, "unpack", errno, "%s", directory);
	if (copy_system(trees, err) < 0)
		return -1;
	if (mount("tmpfs", directory, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755,size=64k") < 0 || chdir(directory) < 0)
		return fail(err, "unpack", errno, "a root for tar");
	if (place_system(trees, err) < 0)
		return -1;
	if (mkdir("layer", 0755) < 0 || place_tree(layer, "layer") < 0)
		return fail(err, "unpack", errno, "mounting %s", directory);
	if (mount(NULL, ".", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV, NULL) < 0)
		return fail(err, "unpack", errno, "a read-only root");
	if (syscall(SYS_pivot_root, ".", ".") < 0 || umount2(".", MNT_DETACH) < 0 || chdir("/layer") < 0)
		return fail(err, "unpack", errno, "changing the root");
	return 0;
}

static int drop_privileges(struct error *err)
{
	for (int capability = 0; prctl(PR_CAPBSET_READ, capability) >= 0; capability++)
		if (!((uint64_t)CAPABILITIES >> capability & 1) && prctl(PR_CAPBSET_DROP, capability) < 0)
			return fail(err, "unpack", errno, "the bounding set");
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {{CAPABILITIES, CAPABILITIES, 0}};
	if (syscall(SYS_capset, &head, data) < 0)
		return fail(err, "unpack", errno, "capabilities");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return fail(err, "unpack", errno, "no_new_privs");
	return 0;
}

static void execute_tar(void)
{
	/* Attributes: those that Docker's layers carry; what steers overlayfs or a security module is not an image's to set. Two options are
	 * left out since their time is quadratic in tar 1.34: --exclude, and --delay-directory-restore, which only helps the times of
	 * directories that an unsorted archive comes back to. */
	char *arguments[] = {
		"tar", "--extract", "--file=-", "--directory=/layer", "--numeric-owner", "--preserve-permissions", "--same-owner",
		"--xattrs", "--xattrs-include=user.*", "--xattrs-include=security.capability", "--xattrs-exclude=user.overlay.*",
		"--warning=no-timestamp", "--warning=no-unknown-keyword", "--warning=no-xattr-write", NULL,
	};
	char *environment[] = {"PATH=/usr/bin:/bin", "LC_ALL=C", "TZ=UTC0", NULL};
	(void)execve("/usr/bin/tar", arguments, environment);
	(void)execve("/bin/tar", arguments, environment);
}

static void run_confined(const char *directory, int messages_fd)
{
	struct error err;
	struct rlimit none = {0, 0};
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)setrlimit(RLIMIT_CORE, &none);
	(void)umask(0022);
	if (dup2(messages_fd, STDOUT_FILENO) < 0 || dup2(messages_fd, STDERR_FILENO) < 0)
		_exit(125);
	if (enter_root(directory, &err) == 0 && drop_privileges(&err) == 0) {
		(void)syscall(SYS_close_range, 3u, ~0u, 0);
		execute_tar();
		fail(&err, "unpack", errno, "starting /usr/bin/tar");
	}
	(void)dprintf(STDERR_FILENO, "tar: %s\n", err.message);
	_exit(125);
}

pid_t unpack_tar_start(const char *directory, int messages_fd, struct error *err)
{
	/* A process namespace too: as root, even without capabilities, it could signal root's other processes. */
	pid_t pid = (pid_t)syscall(SYS_clone, CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | SIGCHLD, 0, 0, 0, 0);
	if (pid < 0)
		return fail(err, "unpack", errno, "namespaces for tar");
	if (pid == 0)
		run_confined(directory, messages_fd);
	return pid;
}
