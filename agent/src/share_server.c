#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>
#include "share_confine.h"
#include "share_locks.h"
#include "share_nodes.h"
#include "share_operations.h"
#include "operations.h"

/* The command `abode-agent share DIR`: serves a directory to a guest's kernel, whose FUSE requests come on descriptor 3, one after another.
 * One process, one request at a time; a lock that is waited for is asked for again while others are served. */

enum { LINK = 3, RETRY_MS = 10 };

static uint8_t input[2 * SHARE_BUFFER] __attribute__((aligned(8)));
static uint8_t output[SHARE_BUFFER] __attribute__((aligned(8)));

static void write_all(struct iovec *parts, int count)
{
	while (count > 0) {
		ssize_t written = writev(LINK, parts, count);
		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			_exit(0); /* the VM is gone */
		while (count > 0 && (size_t)written >= parts->iov_len) {
			written -= (ssize_t)parts->iov_len;
			parts++;
			count--;
		}
		if (count > 0) {
			parts->iov_base = (uint8_t *)parts->iov_base + written;
			parts->iov_len -= (size_t)written;
		}
	}
}

/* error: 0 or a negative errno. */
static void answer(uint64_t unique, int error, const void *content, size_t size)
{
	struct fuse_out_header head = {.len = (uint32_t)(sizeof head + (error ? 0 : size)), .error = error, .unique = unique};
	struct iovec parts[] = {{&head, sizeof head}, {(void *)content, size}};
	write_all(parts, error || size == 0 ? 1 : 2);
}

static void answer_lock(uint64_t unique, int error) { answer(unique, -error, NULL, 0); }

static void serve(const struct fuse_in_header *head)
{
	struct call call = {.head = head, .in = (const uint8_t *)(head + 1), .in_size = head->len - sizeof *head, .out = output};
	if (head->opcode == FUSE_INTERRUPT) {
		const struct fuse_interrupt_in *in = (const void *)call.in;
		if (call.in_size >= sizeof *in && locks_interrupt(in->unique))
			answer(in->unique, -EINTR, NULL, 0);
		return;
	}
	int result = share_call(&call);
	if (result != CALL_SILENT)
		answer(head->unique, result, output, call.out_size);
}

static int serve_all(struct error *err)
{
	size_t filled = 0;
	bool waiting = false;
	for (;;) {
		struct fuse_in_header head;
		while (filled >= sizeof head) {
			memcpy(&head, input, sizeof head);
			if (head.len < sizeof head || head.len > SHARE_BUFFER)
				return fail(err, "files", 0, "a request of %u bytes", head.len);
			if (filled < head.len)
				break;
			/* A text at the end is cut off by what follows it in the buffer, never by what is not part of it. */
			serve((const struct fuse_in_header *)input);
			filled -= head.len;
			memmove(input, input + head.len, filled);
			waiting = locks_retry(answer_lock);
		}
		struct pollfd link = {.fd = LINK, .events = POLLIN};
		if (waiting && poll(&link, 1, RETRY_MS) == 0) {
			waiting = locks_retry(answer_lock);
			continue;
		}
		ssize_t count = read(LINK, input + filled, sizeof input - filled);
		if (count < 0 && errno == EINTR)
			continue;
		if (count <= 0)
			return 0; /* the VM is gone */
		filled += (size_t)count;
	}
}

static void serve_confined(const char *directory)
{
	struct error err;
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)signal(SIGPIPE, SIG_IGN);
	int root = share_confine(directory, &err);
	if (root >= 0 && nodes_init(root) < 0)
		root = fail(&err, "files", errno, "the root");
	if (root < 0 || serve_all(&err) < 0) {
		(void)dprintf(STDERR_FILENO, "abode-agent: share: %s\n", err.message);
		_exit(1);
	}
	_exit(0);
}

int share_main(const char *directory)
{
	/* A process namespace too: root could signal root's other processes. */
	pid_t pid = (pid_t)syscall(SYS_clone, CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | SIGCHLD, 0, 0, 0, 0);
	if (pid < 0) {
		(void)fprintf(stderr, "abode-agent: share: namespaces: %s\n", strerror(errno));
		return 1;
	}
	if (pid == 0)
		serve_confined(directory);
	(void)close(LINK);
	int status;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return 1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
