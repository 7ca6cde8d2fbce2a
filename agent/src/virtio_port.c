#include "virtio_port.h"
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "cleanup.h"

int virtio_port_open(const char *name)
{
	static const char ports[] = "/sys/class/virtio-ports";
	DIR *directory = opendir(ports);
	int found = -1;
	for (struct dirent *entry; directory && found < 0 && (entry = readdir(directory));) {
		char path[512], given[64];
		(void)snprintf(path, sizeof path, "%s/%s/name", ports, entry->d_name);
		cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
		ssize_t count = fd < 0 ? -1 : read(fd, given, sizeof given - 1);
		given[count < 0 ? 0 : count] = 0;
		given[strcspn(given, "\n")] = 0;
		if (strcmp(given, name) != 0)
			continue;
		(void)snprintf(path, sizeof path, "/dev/%s", entry->d_name);
		found = open(path, O_RDWR | O_CLOEXEC);
	}
	if (directory)
		(void)closedir(directory);
	return found;
}
