#include "write_all.h"
#include <errno.h>
#include <unistd.h>

int write_all(int fd, const uint8_t *data, size_t size)
{
	while (size) {
		ssize_t count = write(fd, data, size);
		if (count < 0 && errno == EINTR)
			continue;
		if (count <= 0)
			return -1;
		data += count;
		size -= (size_t)count;
	}
	return 0;
}
