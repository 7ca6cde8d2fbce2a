#include "stdio_set.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define NOTHING (struct stdio_set){-1, -1, -1, -1, -1, -1}

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

int stdio_pipes(struct stdio_set *set, bool with_stdin, struct error *err)
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

int stdio_terminal(struct stdio_set *set, unsigned rows, unsigned cols, struct error *err)
{
	*set = NOTHING;
	int master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	int unlock = 0, slave = -1;
	if (master >= 0 && ioctl(master, TIOCSPTLCK, &unlock) == 0)
		slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	set->out = master;
	set->child_in = slave;
	if (slave >= 0) {
		set->in = dup(master);
		set->child_out = dup(slave);
		set->child_err = dup(slave);
	}
	if (set->child_err < 0 || set->in < 0) {
		fail(err, "system", errno, "a terminal for a process");
		stdio_close(set);
		return -1;
	}
	for (int *fd = &set->in; fd <= &set->child_err; fd++)
		if (*fd >= 0)
			(void)fcntl(*fd, F_SETFD, FD_CLOEXEC);
	struct winsize size = {.ws_row = (unsigned short)rows, .ws_col = (unsigned short)cols};
	if (rows && cols)
		(void)ioctl(master, TIOCSWINSZ, &size);
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
