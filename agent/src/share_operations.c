#include "share_operations.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "share_confine.h"
#include "share_locks.h"
#include "share_nodes.h"

/* The guest's kernel checks permissions by the attributes that it gets (default_permissions); what it asks for is done as root, with the few
 * capabilities that are left. Every number in a request is a guest's: each is looked up or bounded before it is used. */

typedef int operation(struct call *call, struct node *node);

static int failed(long result) { return result < 0 ? -errno : 0; }

/* The fixed part of a request. */
#define TAKE(type, name) \
	if (call->in_size < sizeof(type)) \
		return -EINVAL; \
	const type *name = (const void *)call->in

/* The n-th of the names that follow `skip` bytes: one component, or what a link says. NULL: none. */
static const char *take_text(const struct call *call, size_t skip, int n)
{
	const char *at = (const char *)call->in + skip, *end = (const char *)call->in + call->in_size;
	if (skip > call->in_size)
		return NULL;
	for (;; n--) {
		size_t length = strnlen(at, (size_t)(end - at));
		if (at + length == end)
			return NULL;
		if (n == 0)
			return at;
		at += length + 1;
	}
}

static const char *take_name(const struct call *call, size_t skip, int n)
{
	const char *name = take_text(call, skip, n);
	bool plain = name && *name && !strchr(name, '/') && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
	return plain ? name : NULL;
}

static void fill_attributes(struct fuse_attr *out, const struct stat *info)
{
	*out = (struct fuse_attr){
		.ino = info->st_ino, .size = (uint64_t)info->st_size, .blocks = (uint64_t)info->st_blocks,
		.atime = (uint64_t)info->st_atim.tv_sec, .mtime = (uint64_t)info->st_mtim.tv_sec, .ctime = (uint64_t)info->st_ctim.tv_sec,
		.atimensec = (uint32_t)info->st_atim.tv_nsec, .mtimensec = (uint32_t)info->st_mtim.tv_nsec, .ctimensec = (uint32_t)info->st_ctim.tv_nsec,
		.mode = info->st_mode, .nlink = (uint32_t)info->st_nlink, .uid = info->st_uid, .gid = info->st_gid,
		.rdev = (uint32_t)info->st_rdev, .blksize = (uint32_t)info->st_blksize,
	};
}

/* Nothing may be kept unasked: the host changes it whenever it likes. */
static int answer_entry(struct call *call, int fd)
{
	struct stat info;
	if (fstat(fd, &info) < 0) {
		int error = -errno;
		(void)close(fd);
		return error;
	}
	struct node *node = node_obtain(fd, &info);
	if (!node)
		return -errno;
	struct fuse_entry_out *out = (void *)(call->out + call->out_size);
	*out = (struct fuse_entry_out){.nodeid = node->id};
	fill_attributes(&out->attr, &info);
	call->out_size += sizeof *out;
	return 0;
}

static int answer_name(struct call *call, struct node *parent, const char *name)
{
	int fd = openat(parent->fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? -errno : answer_entry(call, fd);
}

static int answer_attributes(struct call *call, struct node *node)
{
	struct stat info;
	if (fstat(node->fd, &info) < 0)
		return -errno;
	struct fuse_attr_out *out = (void *)call->out;
	*out = (struct fuse_attr_out){0};
	fill_attributes(&out->attr, &info);
	call->out_size = sizeof *out;
	return 0;
}

static int do_init(struct call *call, struct node *node)
{
	(void)node;
	TAKE(struct fuse_init_in, in);
	const uint32_t wanted = FUSE_ASYNC_READ | FUSE_POSIX_LOCKS | FUSE_FLOCK_LOCKS | FUSE_BIG_WRITES | FUSE_AUTO_INVAL_DATA | FUSE_PARALLEL_DIROPS |
				FUSE_MAX_PAGES;
	struct fuse_init_out *out = (void *)call->out;
	*out = (struct fuse_init_out){
		.major = FUSE_KERNEL_VERSION,
		.minor = in->minor < FUSE_KERNEL_MINOR_VERSION ? in->minor : FUSE_KERNEL_MINOR_VERSION,
		.max_readahead = in->max_readahead,
		.flags = in->flags & wanted,
		.max_background = 64,
		.congestion_threshold = 48,
		.max_write = SHARE_MAX_WRITE,
		.time_gran = 1,
		.max_pages = SHARE_MAX_WRITE / 4096,
	};
	call->out_size = sizeof *out;
	return in->major == FUSE_KERNEL_VERSION ? 0 : -EPROTO;
}

static int do_forget(struct call *call, struct node *node)
{
	(void)node;
	if (call->in_size >= sizeof(struct fuse_forget_in))
		node_forget(call->head->nodeid, ((const struct fuse_forget_in *)call->in)->nlookup);
	return CALL_SILENT;
}

static int do_batch_forget(struct call *call, struct node *node)
{
	(void)node;
	if (call->in_size < sizeof(struct fuse_batch_forget_in))
		return CALL_SILENT;
	size_t count = ((const struct fuse_batch_forget_in *)call->in)->count;
	const struct fuse_forget_one *ones = (const void *)(call->in + sizeof(struct fuse_batch_forget_in));
	for (size_t i = 0; i < count && sizeof(struct fuse_batch_forget_in) + (i + 1) * sizeof *ones <= call->in_size; i++)
		node_forget(ones[i].nodeid, ones[i].nlookup);
	return CALL_SILENT;
}

static int do_lookup(struct call *call, struct node *node)
{
	const char *name = take_name(call, 0, 0);
	return name ? answer_name(call, node, name) : -ENOENT;
}

static int do_getattr(struct call *call, struct node *node) { return answer_attributes(call, node); }

static struct timespec time_of(bool set, bool now, uint64_t seconds, uint32_t nanoseconds)
{
	return (struct timespec){.tv_sec = (time_t)seconds, .tv_nsec = !set ? UTIME_OMIT : now ? UTIME_NOW : (long)nanoseconds};
}

static int set_size(struct node *node, const struct fuse_setattr_in *in)
{
	struct handle *handle = in->valid & FATTR_FH ? handle_find(in->fh, 0) : NULL;
	if (handle)
		return failed(ftruncate(handle->fd, (off_t)in->size));
	if (node->type != S_IFREG)
		return -EINVAL;
	int fd = share_reopen(node->fd, O_WRONLY);
	if (fd < 0)
		return -errno;
	int result = failed(ftruncate(fd, (off_t)in->size));
	(void)close(fd);
	return result;
}

static int do_setattr(struct call *call, struct node *node)
{
	TAKE(struct fuse_setattr_in, in);
	uint32_t valid = in->valid;
	int result = 0;
	if (valid & (FATTR_UID | FATTR_GID))
		result = failed(fchownat(node->fd, "", valid & FATTR_UID ? in->uid : (uid_t)-1, valid & FATTR_GID ? in->gid : (gid_t)-1, AT_EMPTY_PATH));
	/* After the owner, whose change takes bits away. */
	if (result == 0 && valid & FATTR_MODE)
		result = share_set_mode(node->fd, in->mode & 07777);
	if (result == 0 && valid & FATTR_SIZE)
		result = set_size(node, in);
	if (result == 0 && valid & (FATTR_ATIME | FATTR_MTIME)) {
		struct timespec times[2] = {
			time_of(valid & FATTR_ATIME, valid & FATTR_ATIME_NOW, in->atime, in->atimensec),
			time_of(valid & FATTR_MTIME, valid & FATTR_MTIME_NOW, in->mtime, in->mtimensec),
		};
		result = failed(utimensat(node->fd, "", times, AT_EMPTY_PATH));
	}
	return result < 0 ? result : answer_attributes(call, node);
}

static int do_readlink(struct call *call, struct node *node)
{
	ssize_t length = readlinkat(node->fd, "", (char *)call->out, 4096);
	if (length < 0)
		return -errno;
	call->out_size = (size_t)length;
	return 0;
}

/* What is made belongs to who makes it. */
static int made(struct call *call, struct node *parent, const char *name, long result)
{
	int error = failed(result);
	share_become_root();
	return error < 0 ? error : answer_name(call, parent, name);
}

static int do_symlink(struct call *call, struct node *node)
{
	const char *name = take_name(call, 0, 0), *target = take_text(call, 0, 1);
	if (!name || !target)
		return -EINVAL;
	share_become(call->head->uid, call->head->gid);
	return made(call, node, name, symlinkat(target, node->fd, name));
}

static int do_mknod(struct call *call, struct node *node)
{
	TAKE(struct fuse_mknod_in, in);
	const char *name = take_name(call, sizeof *in, 0);
	if (!name)
		return -EINVAL;
	share_become(call->head->uid, call->head->gid);
	return made(call, node, name, mknodat(node->fd, name, in->mode, in->rdev));
}

static int do_mkdir(struct call *call, struct node *node)
{
	TAKE(struct fuse_mkdir_in, in);
	const char *name = take_name(call, sizeof *in, 0);
	if (!name)
		return -EINVAL;
	share_become(call->head->uid, call->head->gid);
	return made(call, node, name, mkdirat(node->fd, name, in->mode & 07777));
}

static int do_unlink(struct call *call, struct node *node)
{
	const char *name = take_name(call, 0, 0);
	return name ? failed(unlinkat(node->fd, name, call->head->opcode == FUSE_RMDIR ? AT_REMOVEDIR : 0)) : -EINVAL;
}

static int rename_to(struct call *call, struct node *node, uint64_t parent, size_t skip, unsigned flags)
{
	struct node *target = node_find(parent);
	const char *from = take_name(call, skip, 0), *to = take_name(call, skip, 1);
	if (!target || !from || !to || flags & ~(unsigned)(RENAME_NOREPLACE | RENAME_EXCHANGE))
		return -EINVAL;
	return failed(syscall(SYS_renameat2, node->fd, from, target->fd, to, flags));
}

static int do_rename(struct call *call, struct node *node)
{
	TAKE(struct fuse_rename_in, in);
	return rename_to(call, node, in->newdir, sizeof *in, 0);
}

static int do_rename2(struct call *call, struct node *node)
{
	TAKE(struct fuse_rename2_in, in);
	return rename_to(call, node, in->newdir, sizeof *in, in->flags);
}

static int do_link(struct call *call, struct node *node)
{
	TAKE(struct fuse_link_in, in);
	struct node *old = node_find(in->oldnodeid);
	const char *name = take_name(call, sizeof *in, 0);
	if (!old || !name)
		return -EINVAL;
	int result = share_link(old->fd, node->fd, name);
	return result < 0 ? result : answer_name(call, node, name);
}

/* O_DIRECT would need aligned buffers; whether there was nothing before is asked of CREATE alone. */
enum { OPEN_FLAGS = O_ACCMODE | O_APPEND | O_SYNC | O_DSYNC | O_NOATIME };

static int answer_open(struct call *call, struct node *node, int fd, int is_directory)
{
	int64_t handle = handle_open(fd, node, is_directory);
	if (handle < 0)
		return -errno;
	struct fuse_open_out *out = (void *)(call->out + call->out_size);
	/* What was opened for reading has nothing to flush; its locks go with the handle. */
	bool only_read = call->head->opcode == FUSE_OPEN && (((const struct fuse_open_in *)call->in)->flags & O_ACCMODE) == O_RDONLY;
	*out = (struct fuse_open_out){.fh = (uint64_t)handle, .open_flags = only_read ? FOPEN_NOFLUSH : 0};
	call->out_size += sizeof *out;
	return 0;
}

static int do_open(struct call *call, struct node *node)
{
	TAKE(struct fuse_open_in, in);
	bool is_directory = call->head->opcode == FUSE_OPENDIR;
	/* Only what has no driver behind it: a guest may make device nodes, and must not reach devices by them. */
	if (node->type != (is_directory ? S_IFDIR : S_IFREG))
		return is_directory ? -ENOTDIR : -EACCES;
	int fd = share_reopen(node->fd, is_directory ? O_RDONLY | O_DIRECTORY : (int)in->flags & OPEN_FLAGS);
	return fd < 0 ? -errno : answer_open(call, node, fd, is_directory);
}

static int do_create(struct call *call, struct node *node)
{
	TAKE(struct fuse_create_in, in);
	const char *name = take_name(call, sizeof *in, 0);
	if (!name)
		return -EINVAL;
	share_become(call->head->uid, call->head->gid);
	int flags = ((int)in->flags & (OPEN_FLAGS | O_EXCL)) | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
	int fd = openat(node->fd, name, flags, in->mode & 07777);
	int error = fd < 0 ? errno : 0;
	share_become_root();
	if (fd < 0)
		return -error;
	struct stat info;
	int path = fstat(fd, &info) < 0 || !S_ISREG(info.st_mode) ? -1 : share_reopen(fd, O_PATH);
	if (path < 0 || (error = answer_entry(call, path)) < 0) {
		(void)close(fd);
		return path < 0 ? -EACCES : error;
	}
	struct node *created = node_find(((const struct fuse_entry_out *)call->out)->nodeid);
	return answer_open(call, created, fd, 0);
}

static int do_read(struct call *call, struct node *node)
{
	(void)node;
	TAKE(struct fuse_read_in, in);
	struct handle *handle = handle_find(in->fh, 0);
	if (!handle)
		return -EBADF;
	ssize_t count = pread(handle->fd, call->out, in->size < SHARE_MAX_WRITE ? in->size : SHARE_MAX_WRITE, (off_t)in->offset);
	call->out_size = count < 0 ? 0 : (size_t)count;
	return failed(count);
}

static int do_write(struct call *call, struct node *node)
{
	(void)node;
	TAKE(struct fuse_write_in, in);
	struct handle *handle = handle_find(in->fh, 0);
	if (!handle)
		return -EBADF;
	if (in->size > call->in_size - sizeof *in)
		return -EINVAL;
	ssize_t count = pwrite(handle->fd, call->in + sizeof *in, in->size, (off_t)in->offset);
	if (count < 0)
		return -errno;
	struct fuse_write_out *out = (void *)call->out;
	*out = (struct fuse_write_out){.size = (uint32_t)count};
	call->out_size = sizeof *out;
	return 0;
}

struct host_entry {
	uint64_t ino;
	int64_t offset;
	uint16_t size;
	uint8_t type;
	char name[];
};

static int do_readdir(struct call *call, struct node *node)
{
	(void)node;
	TAKE(struct fuse_read_in, in);
	struct handle *handle = handle_find(in->fh, 1);
	char entries[16384];
	size_t room = in->size < SHARE_MAX_WRITE ? in->size : SHARE_MAX_WRITE;
	if (!handle)
		return -EBADF;
	if (handle->offset != in->offset && lseek(handle->fd, (off_t)in->offset, SEEK_SET) < 0)
		return -errno;
	handle->offset = in->offset;
	long count = syscall(SYS_getdents64, handle->fd, entries, sizeof entries);
	if (count < 0)
		return -errno;
	for (long at = 0; at < count;) {
		const struct host_entry *entry = (const void *)(entries + at);
		size_t length = strlen(entry->name), size = FUSE_DIRENT_ALIGN(FUSE_NAME_OFFSET + length);
		if (call->out_size + size > room)
			break;
		struct fuse_dirent *out = (void *)(call->out + call->out_size);
		memset(out, 0, size);
		*out = (struct fuse_dirent){.ino = entry->ino, .off = (uint64_t)entry->offset, .namelen = (uint32_t)length, .type = entry->type};
		memcpy(out->name, entry->name, length);
		call->out_size += size;
		handle->offset = (uint64_t)entry->offset;
		at += entry->size;
	}
	/* What did not fit is read again from where the next request says. */
	return failed(lseek(handle->fd, (off_t)handle->offset, SEEK_SET));
}

static int do_release(struct call *call, struct node *node)
{
	TAKE(struct fuse_release_in, in);
	int is_directory = call->head->opcode == FUSE_RELEASEDIR;
	if (!handle_find(in->fh, is_directory))
		return -EBADF;
	if (!is_directory)
		locks_release(node, in->fh);
	handle_close(in->fh);
	return 0;
}

static int do_flush(struct call *call, struct node *node)
{
	TAKE(struct fuse_flush_in, in);
	struct handle *handle = handle_find(in->fh, 0);
	if (!handle)
		return -EBADF;
	locks_flush(node, in->lock_owner);
	/* Tells what a close on the host would: a quota's end, a server's refusal. */
	int copy = fcntl(handle->fd, F_DUPFD_CLOEXEC, 0);
	return copy < 0 ? 0 : failed(close(copy));
}

static int do_fsync(struct call *call, struct node *node)
{
	(void)node;
	TAKE(struct fuse_fsync_in, in);
	struct handle *handle = handle_find(in->fh, call->head->opcode == FUSE_FSYNCDIR);
	if (!handle)
		return -EBADF;
	return failed(in->fsync_flags & FUSE_FSYNC_FDATASYNC ? fdatasync(handle->fd) : fsync(handle->fd));
}

static int do_statfs(struct call *call, struct node *node)
{
	struct statvfs info;
	if (fstatvfs(node->fd, &info) < 0)
		return -errno;
	struct fuse_statfs_out *out = (void *)call->out;
	*out = (struct fuse_statfs_out){.st = {.blocks = info.f_blocks, .bfree = info.f_bfree, .bavail = info.f_bavail, .files = info.f_files,
					       .ffree = info.f_ffree, .bsize = (uint32_t)info.f_bsize, .namelen = (uint32_t)info.f_namemax,
					       .frsize = (uint32_t)info.f_frsize}};
	call->out_size = sizeof *out;
	return 0;
}

static int do_getlk(struct call *call, struct node *node)
{
	TAKE(struct fuse_lk_in, in);
	call->out_size = sizeof(struct fuse_lk_out);
	return -lock_get(node, in, (void *)call->out);
}

static int do_setlk(struct call *call, struct node *node)
{
	TAKE(struct fuse_lk_in, in);
	int result = lock_set(node, in, call->head->opcode == FUSE_SETLKW, call->head->unique);
	return result == LOCK_WAITS ? CALL_SILENT : -result;
}

static int do_fallocate(struct call *call, struct node *node)
{
	(void)node;
	TAKE(struct fuse_fallocate_in, in);
	struct handle *handle = handle_find(in->fh, 0);
	return handle ? failed(fallocate(handle->fd, (int)in->mode, (off_t)in->offset, (off_t)in->length)) : -EBADF;
}

static int do_lseek(struct call *call, struct node *node)
{
	(void)node;
	TAKE(struct fuse_lseek_in, in);
	struct handle *handle = handle_find(in->fh, 0);
	if (!handle)
		return -EBADF;
	off_t offset = lseek(handle->fd, (off_t)in->offset, (int)in->whence);
	if (offset < 0)
		return -errno;
	*(struct fuse_lseek_out *)call->out = (struct fuse_lseek_out){.offset = (uint64_t)offset};
	call->out_size = sizeof(struct fuse_lseek_out);
	return 0;
}

static operation *const operations[] = {
	[FUSE_INIT] = do_init, [FUSE_FORGET] = do_forget, [FUSE_BATCH_FORGET] = do_batch_forget, [FUSE_LOOKUP] = do_lookup,
	[FUSE_GETATTR] = do_getattr, [FUSE_SETATTR] = do_setattr, [FUSE_READLINK] = do_readlink, [FUSE_SYMLINK] = do_symlink,
	[FUSE_MKNOD] = do_mknod, [FUSE_MKDIR] = do_mkdir, [FUSE_UNLINK] = do_unlink, [FUSE_RMDIR] = do_unlink, [FUSE_RENAME] = do_rename,
	[FUSE_RENAME2] = do_rename2, [FUSE_LINK] = do_link, [FUSE_OPEN] = do_open, [FUSE_OPENDIR] = do_open, [FUSE_CREATE] = do_create,
	[FUSE_READ] = do_read, [FUSE_WRITE] = do_write, [FUSE_READDIR] = do_readdir, [FUSE_RELEASE] = do_release, [FUSE_RELEASEDIR] = do_release,
	[FUSE_FLUSH] = do_flush, [FUSE_FSYNC] = do_fsync, [FUSE_FSYNCDIR] = do_fsync, [FUSE_STATFS] = do_statfs, [FUSE_GETLK] = do_getlk,
	[FUSE_SETLK] = do_setlk, [FUSE_SETLKW] = do_setlk, [FUSE_FALLOCATE] = do_fallocate, [FUSE_LSEEK] = do_lseek,
};

int share_call(struct call *call)
{
	uint32_t opcode = call->head->opcode;
	call->out_size = 0;
	if (opcode >= sizeof operations / sizeof *operations || !operations[opcode])
		return -ENOSYS;
	bool nameless = opcode == FUSE_INIT || opcode == FUSE_FORGET || opcode == FUSE_BATCH_FORGET;
	struct node *node = nameless ? NULL : node_find(call->head->nodeid);
	if (!nameless && !node)
		return -ESTALE;
	return operations[opcode](call, node);
}
