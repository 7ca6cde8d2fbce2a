#include "share_locks.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

/* The kernel's OFFSET_MAX: to the end, however far that is. */
#define LOCK_TO_END ((uint64_t)INT64_MAX)

struct lock_owner {
	uint64_t owner, handle;
	bool whole; /* flock(2) */
	int fd;
	struct lock_owner *next;
};

struct waiter {
	uint64_t unique, node;
	struct fuse_lk_in in;
	struct waiter *next;
};

/* Each is asked again at each turn. */
enum { MOST_WAITERS = 4096 };

static struct waiter *waiters;

static struct lock_owner **find_owner(struct node *node, const struct fuse_lk_in *in)
{
	bool whole = in->lk_flags & FUSE_LK_FLOCK;
	struct lock_owner **at = &node->owners;
	while (*at && ((*at)->owner != in->owner || (*at)->whole != whole))
		at = &(*at)->next;
	return at;
}

static struct lock_owner *obtain_owner(struct node *node, const struct fuse_lk_in *in)
{
	struct lock_owner **at = find_owner(node, in);
	if (*at)
		return *at;
	/* What is no file or directory has no locks, and a device is never opened here. */
	if (node->type != S_IFREG && node->type != S_IFDIR) {
		errno = EBADF;
		return NULL;
	}
	int fd = node->type == S_IFREG ? share_reopen(node->fd, O_RDWR) : -1;
	if (fd < 0)
		fd = share_reopen(node->fd, O_RDONLY);
	struct lock_owner *owner = fd < 0 ? NULL : calloc(1, sizeof *owner);
	if (!owner) {
		if (fd >= 0)
			(void)close(fd);
		return NULL;
	}
	*owner = (struct lock_owner){.owner = in->owner, .handle = in->fh, .whole = in->lk_flags & FUSE_LK_FLOCK, .fd = fd};
	return *at = owner;
}

static void drop(struct lock_owner **at)
{
	struct lock_owner *owner = *at;
	*at = owner->next;
	(void)close(owner->fd);
	free(owner);
}

static struct flock host_lock(const struct fuse_file_lock *lock)
{
	return (struct flock){
		.l_type = (short)lock->type,
		.l_whence = SEEK_SET,
		.l_start = (off_t)lock->start,
		.l_len = lock->end == LOCK_TO_END ? 0 : (off_t)(lock->end - lock->start + 1),
	};
}

static int try_lock(struct node *node, const struct fuse_lk_in *in)
{
	if (in->lk.type == F_UNLCK && !*find_owner(node, in))
		return 0;
	struct lock_owner *owner = obtain_owner(node, in);
	if (!owner)
		return errno;
	if (owner->whole) {
		int operation = in->lk.type == F_UNLCK ? LOCK_UN : in->lk.type == F_RDLCK ? LOCK_SH : LOCK_EX;
		return flock(owner->fd, operation | LOCK_NB) < 0 ? errno : 0;
	}
	struct flock lock = host_lock(&in->lk);
	return fcntl(owner->fd, F_OFD_SETLK, &lock) < 0 ? errno : 0;
}

static bool is_busy(int error) { return error == EAGAIN || error == EACCES; }

int lock_set(struct node *node, const struct fuse_lk_in *in, bool wait, uint64_t unique)
{
	int error = try_lock(node, in);
	if (!wait || !is_busy(error))
		return is_busy(error) ? EAGAIN : error;
	/* The first come stays first: asked again in this order. */
	struct waiter **at = &waiters;
	unsigned count = 0;
	for (; *at; count++)
		at = &(*at)->next;
	struct waiter *waiter = count < MOST_WAITERS ? malloc(sizeof *waiter) : NULL;
	if (!waiter)
		return ENOLCK;
	*waiter = (struct waiter){.unique = unique, .node = node->id, .in = *in};
	*at = waiter;
	return LOCK_WAITS;
}

int lock_get(struct node *node, const struct fuse_lk_in *in, struct fuse_lk_out *out)
{
	struct lock_owner *owner = obtain_owner(node, in);
	if (!owner)
		return errno;
	struct flock lock = host_lock(&in->lk);
	if (fcntl(owner->fd, F_OFD_GETLK, &lock) < 0)
		return errno;
	out->lk = in->lk;
	out->lk.type = (uint32_t)lock.l_type;
	out->lk.pid = 0;
	if (lock.l_type != F_UNLCK) {
		out->lk.start = (uint64_t)lock.l_start;
		out->lk.end = lock.l_len == 0 ? LOCK_TO_END : (uint64_t)(lock.l_start + lock.l_len - 1);
	}
	return 0;
}

void locks_flush(struct node *node, uint64_t owner)
{
	for (struct lock_owner **at = &node->owners; *at;)
		if ((*at)->owner == owner && !(*at)->whole)
			drop(at);
		else
			at = &(*at)->next;
}

void locks_release(struct node *node, uint64_t handle)
{
	for (struct lock_owner **at = &node->owners; *at;)
		if ((*at)->handle == handle)
			drop(at);
		else
			at = &(*at)->next;
}

void locks_forget_node(struct node *node)
{
	while (node->owners)
		drop(&node->owners);
}

bool locks_retry(void (*answer)(uint64_t unique, int error))
{
	for (struct waiter **at = &waiters; *at;) {
		struct waiter *waiter = *at;
		struct node *node = node_find(waiter->node);
		int error = node ? try_lock(node, &waiter->in) : EBADF;
		if (is_busy(error)) {
			at = &waiter->next;
			continue;
		}
		answer(waiter->unique, error);
		*at = waiter->next;
		free(waiter);
	}
	return waiters != NULL;
}

bool locks_interrupt(uint64_t unique)
{
	for (struct waiter **at = &waiters; *at; at = &(*at)->next) {
		if ((*at)->unique != unique)
			continue;
		struct waiter *waiter = *at;
		*at = waiter->next;
		free(waiter);
		return true;
	}
	return false;
}
