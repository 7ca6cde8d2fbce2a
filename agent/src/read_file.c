#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "cleanup.h"
#include "frame.h"
#include "operations.h"

enum { MOST_PATHS = 128, LONGEST = 65536, ROOM = FRAME_MAX_PAYLOAD - LONGEST };

/* As much as there is and fits; what cannot be read (a process that ended meanwhile) is told by its absence. */
static ssize_t read_most(const char *path, uint8_t *data, size_t capacity)
{
	cleanup_close int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	size_t size = 0;
	ssize_t count;
	if (fd < 0)
		return -1;
	while (size < capacity && (count = read(fd, data + size, capacity - size)) != 0) {
		if (count < 0 && errno == EINTR)
			continue;
		if (count < 0)
			return -1;
		size += (size_t)count;
	}
	return (ssize_t)size;
}

static void put_u32(uint8_t *at, uint32_t number)
{
	for (int i = 0; i < 4; i++)
		at[i] = (uint8_t)(number >> (8 * i));
}

int operation_read_file(struct fields request, struct builder *answer, struct error *err)
{
	cleanup_free char **paths = fields_strings(request, TAG_PATH);
	size_t count = fields_count(request, TAG_PATH);
	if (!paths || count == 0 || count > MOST_PATHS)
		return fail(err, "invalid", 0, "READ_FILE needs 1 to %d PATHs", MOST_PATHS);
	size_t most = ROOM / count;
	if (most > LONGEST)
		most = LONGEST;
	cleanup_free uint8_t *buffer = malloc(4 + 4096 + most);
	if (!buffer)
		return fail(err, "system", errno, "memory");
	for (char **path = paths; *path; path++) {
		size_t length = strlen(*path);
		if (**path != '/' || length >= 4096)
			return fail(err, "invalid", 0, "READ_FILE needs absolute PATHs");
		ssize_t size = read_most(*path, buffer + 4 + length, most);
		if (size < 0)
			continue;
		put_u32(buffer, (uint32_t)length);
		memcpy(buffer + 4, *path, length);
		builder_bytes(answer, TAG_FILE, buffer, 4 + length + (size_t)size);
	}
	return 0;
}
