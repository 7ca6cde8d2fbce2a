#include "stdio_set.h"
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define NOTHING ((struct stdio_set){-1, -1, -1, -1, -1, -1})

static int one_pipe(int *read_end, int *write_end)
{
	int fds[2];
	if (pipe2(fds, O_CLOEXEC) < 0)
		return -1;
	*read_end = fds[0];
	*write_end = fds[1];
	return 0;
}

static void nonblocking(int fd) { (void)fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK); }

static int make(struct stdio_set *set, bool with_stdin, struct error *err)
{
	*set = NOTHING;
	bool made = with_stdin ? one_pipe(&set->child_in, &set->in) == 0 : (set->child_in = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0;
	if (!made || one_pipe(&set->out, &set->child_out) < 0 || one_pipe(&set->err, &set->child_err) < 0) {
		fail(err, "system", errno, "pipes for a process");
		stdio_close(set);
		return -1;
	}
	if (set->in >= 0)
		nonblocking(set->in);
	nonblocking(set->out);
	nonblocking(set->err);
	return 0;
}

/* One for each kind of stdin; the other kind's stays for a later process. */
static struct stdio_set ready[2] = {NOTHING, NOTHING};

void stdio_prepare(void)
{
	struct error err;
	for (int with_stdin = 0; with_stdin < 2; with_stdin++)
		if (ready[with_stdin].out < 0)
			(void)make(&ready[with_stdin], with_stdin != 0, &err);
}

int stdio_pipes(struct stdio_set *set, bool with_stdin, struct error *err)
{
	if (ready[with_stdin].out < 0)
		return make(set, with_stdin, err);
	*set = ready[with_stdin];
	ready[with_stdin] = NOTHING;
	return 0;
}

static void close_one(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

void stdio_close_child(struct stdio_set *set)
{
	close_one(&set->child_in);
	close_one(&set->child_out);
	close_one(&set->child_err);
}

void stdio_close(struct stdio_set *set)
{
	stdio_close_child(set);
	close_one(&set->in);
	close_one(&set->out);
	close_one(&set->err);
}
