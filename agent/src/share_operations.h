/* What a FUSE request asks for, carried out in the directory that is shared. */
#pragma once
#include <linux/fuse.h>
#include <stddef.h>
#include <stdint.h>

/* Of one request: as much as the kernel may write or read at once. */
enum { SHARE_MAX_WRITE = 256 << 10, SHARE_BUFFER = SHARE_MAX_WRITE + 4096 };

struct call {
	const struct fuse_in_header *head;
	const uint8_t *in; /* what follows the header */
	size_t in_size;
	uint8_t *out; /* SHARE_BUFFER bytes for the answer's content */
	size_t out_size;
};

/* An answer of this kind is none: the request gets none, or gets it later. */
enum { CALL_SILENT = 1 };
/* 0 with out_size, a negative errno, or CALL_SILENT. */
int share_call(struct call *call);
