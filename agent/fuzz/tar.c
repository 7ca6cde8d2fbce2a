/* A client's archive: whatever it says, the reader stays in its buffers and comes to an end. The checksum of each header is put right, so
 * that what lies behind it is reached. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "tar_read.h"

static void put_right(uint8_t *block)
{
	unsigned sum = 0;
	memset(block + 148, ' ', 8);
	for (int i = 0; i < 512; i++)
		sum += block[i];
	(void)snprintf((char *)block + 148, 8, "%06o", sum);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct tar_in in;
	static uint8_t archive[4096];
	static int fd = -1;
	struct tar_entry entry;
	struct error err;
	if (fd < 0)
		fd = memfd_create("archive", MFD_CLOEXEC);
	memcpy(archive, data, size);
	for (size_t at = 0; at + 512 <= size; at += 512)
		if (archive[at + 147] & 1)
			put_right(archive + at);
	if (ftruncate(fd, 0) < 0 || pwrite(fd, archive, size, 0) != (ssize_t)size || lseek(fd, 0, SEEK_SET) < 0)
		abort();
	memset(&in, 0, sizeof in);
	in.fd = fd;
	while (tar_next(&in, &entry, &err) > 0) {
		const uint8_t *content;
		uint64_t total = 0;
		ssize_t count;
		if (strlen(entry.name) > 1 << 20 || strlen(entry.link) > 1 << 20 || entry.capability_size > sizeof entry.capability)
			abort();
		while ((count = tar_content(&in, &content, &err)) > 0)
			total += (uint64_t)count;
		if (count == 0 && entry.type == '0' && total != entry.size)
			abort();
	}
	tar_in_free(&in);
	return 0;
}
