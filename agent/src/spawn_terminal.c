#include "spawn_terminal.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>
#include "cleanup.h"

/* The terminal itself as /dev/console, as runtimes do. */
static void bind_console(unsigned number)
{
	char path[32];
	(void)snprintf(path, sizeof path, "/dev/pts/%u", number);
	if (mknod("/dev/console", S_IFREG | 0600, 0) == 0 || errno == EEXIST)
		(void)mount(path, "/dev/console", NULL, MS_BIND, NULL);
}

int spawn_terminal_open(struct fields request, int is_init, struct error *err)
{
	int unlock = 0;
	unsigned number = 0;
	cleanup_close int master = open("/dev/pts/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	cleanup_close int slave = -1;
	if (master >= 0 && ioctl(master, TIOCSPTLCK, &unlock) == 0 && ioctl(master, TIOCGPTN, &number) == 0)
		slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave < 0)
		return fail(err, "start", errno, "a terminal");
	struct winsize size = {
		.ws_row = (unsigned short)fields_number(request, TAG_ROWS, 0),
		.ws_col = (unsigned short)fields_number(request, TAG_COLS, 0),
	};
	if (size.ws_row && size.ws_col)
		(void)ioctl(master, TIOCSWINSZ, &size);
	for (int fd = 0; fd < 3; fd++)
		(void)dup2(slave, fd);
	if (is_init)
		bind_console(number);
	return STEAL_FD(master);
}
