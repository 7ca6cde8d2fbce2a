#include "share_confine.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/fsuid.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* To act for the guest's users. Not CAP_DAC_READ_SEARCH: with it open_by_handle_at(2) reaches every file of a file system. */
static const uint32_t CAPABILITIES =
	1u << CAP_CHOWN | 1u << CAP_DAC_OVERRIDE | 1u << CAP_FOWNER | 1u << CAP_FSETID | 1u << CAP_SETUID | 1u << CAP_SETGID | 1u << CAP_MKNOD;

/* All that the server does once it is at work. */
static const int CALLS[] = {
	SYS_read, SYS_write, SYS_readv, SYS_writev, SYS_pread64, SYS_pwrite64, SYS_openat, SYS_close, SYS_fstat, SYS_newfstatat, SYS_statx, SYS_lseek,
	SYS_getdents64, SYS_fcntl, SYS_flock, SYS_ftruncate, SYS_fallocate, SYS_fchownat, SYS_fchmodat, SYS_utimensat, SYS_readlinkat,
	SYS_symlinkat, SYS_mknodat, SYS_mkdirat, SYS_unlinkat, SYS_renameat2, SYS_linkat, SYS_fsync, SYS_fdatasync, SYS_fstatfs, SYS_setfsuid,
	SYS_setfsgid, SYS_capset, SYS_poll, SYS_brk, SYS_mmap, SYS_munmap, SYS_mremap, SYS_madvise, SYS_exit_group, SYS_rt_sigreturn,
};
enum { CALL_COUNT = sizeof CALLS / sizeof *CALLS };

static int own_descriptors = -1;

static void name_of(char name[16], int fd) { (void)snprintf(name, 16, "%d", fd); }

int share_reopen(int fd, int flags)
{
	char name[16];
	name_of(name, fd);
	return openat(own_descriptors, name, flags | O_CLOEXEC);
}

int share_set_mode(int fd, mode_t mode)
{
	char name[16];
	name_of(name, fd);
	return fchmodat(own_descriptors, name, mode, 0) < 0 ? -errno : 0;
}

int share_link(int fd, int directory, const char *name)
{
	char old[16];
	name_of(old, fd);
	return linkat(own_descriptors, old, directory, name, AT_SYMLINK_FOLLOW) < 0 ? -errno : 0;
}

static int set_capabilities(void)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {{CAPABILITIES, CAPABILITIES, 0}};
	return (int)syscall(SYS_capset, &head, data);
}

void share_become(uid_t uid, gid_t gid)
{
	(void)setfsgid(gid);
	/* This takes capabilities away, so that they are taken back. */
	(void)setfsuid(uid);
	if (uid != 0)
		(void)set_capabilities();
}

void share_become_root(void)
{
	int saved = errno;
	(void)setfsuid(0);
	(void)setfsgid(0);
	errno = saved;
}

static int change_root(const char *directory, struct error *err)
{
	/* A slave: what the shim mounts later comes here, nothing goes back. */
	if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0 || mount(directory, directory, NULL, MS_BIND | MS_REC, NULL) < 0)
		return fail(err, "files", errno, "a mount namespace for %s", directory);
	if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
		return fail(err, "files", errno, "its own processes");
	own_descriptors = open("/proc/self/fd", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (own_descriptors < 0)
		return fail(err, "files", errno, "/proc/self/fd");
	if (chdir(directory) < 0 || syscall(SYS_pivot_root, ".", ".") < 0 || umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
		return fail(err, "files", errno, "changing the root to %s", directory);
	return 0;
}

static int drop_privileges(struct error *err)
{
	for (int capability = 0; prctl(PR_CAPBSET_READ, capability) >= 0; capability++)
		if (!((uint64_t)CAPABILITIES >> capability & 1) && prctl(PR_CAPBSET_DROP, capability) < 0)
			return fail(err, "files", errno, "the bounding set");
	if (set_capabilities() < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return fail(err, "files", errno, "capabilities");
	return 0;
}

static int filter_calls(struct error *err)
{
	struct sock_filter program[CALL_COUNT + 6];
	size_t length = 0;
	program[length++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch));
	program[length++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0);
	program[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
	program[length++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
	for (size_t i = 0; i < CALL_COUNT; i++)
		program[length++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)CALLS[i], (uint8_t)(CALL_COUNT - i), 0);
	program[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS);
	program[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	struct sock_fprog filter = {.len = (unsigned short)length, .filter = program};
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) < 0)
		return fail(err, "files", errno, "a filter of system calls");
	return 0;
}

int share_confine(const char *directory, struct error *err)
{
	struct rlimit none = {0, 0}, files;
	(void)setrlimit(RLIMIT_CORE, &none);
	/* Each file that the guest knows is held open. */
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &files);
	}
	(void)umask(0);
	if (change_root(directory, err) < 0)
		return -1;
	int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return fail(err, "files", errno, "the root");
	return drop_privileges(err) < 0 || filter_calls(err) < 0 ? -1 : root;
}
