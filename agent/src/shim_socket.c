#include "shim_socket.h"
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static int address_of(const char *directory, struct sockaddr_un *address)
{
	*address = (struct sockaddr_un){.sun_family = AF_UNIX};
	int length = snprintf(address->sun_path, sizeof address->sun_path, "%s/shim.sock", directory);
	return length < (int)sizeof address->sun_path ? 0 : -1;
}

int shim_listen(const char *directory, struct error *err)
{
	struct sockaddr_un address;
	if (address_of(directory, &address) < 0)
		return fail(err, "invalid", 0, "the path of the socket in %s is too long", directory);
	(void)unlink(address.sun_path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	mode_t mask = umask(0117);
	bool listening = fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0 && listen(fd, 128) == 0;
	int saved = errno;
	(void)umask(mask);
	if (listening)
		return fd;
	if (fd >= 0)
		(void)close(fd);
	return fail(err, "system", saved, "listen on %s", address.sun_path);
}

void shim_unlisten(const char *directory)
{
	struct sockaddr_un address;
	if (address_of(directory, &address) == 0)
		(void)unlink(address.sun_path);
}
