/* Writes a tar: ustar headers, and pax records (POSIX.1-2001) for what does not fit into them. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include "error.h"

struct tar_out {
	int fd;
	size_t size;
	uint8_t buffer[65536];
};

struct tar_member {
	const char *name;            /* a directory's ends with a slash */
	const char *link;            /* a link's target, "" elsewhere */
	char type;                   /* '0' file, '1' hard link, '2' symbolic link, '3' '4' devices, '5' directory, '6' fifo */
	const struct stat *info;
	uint64_t content;            /* bytes that follow */
	const void *capability;      /* security.capability, NULL: none */
	size_t capability_size;
};

int tar_write_header(struct tar_out *out, const struct tar_member *member, struct error *err);
int tar_write(struct tar_out *out, const void *data, size_t size, struct error *err);
/* Fills up to a whole block after `content` bytes. */
int tar_write_padding(struct tar_out *out, uint64_t content, struct error *err);
int tar_write_end(struct tar_out *out, struct error *err);
