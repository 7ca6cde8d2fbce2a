/* Reads a tar as it comes: ustar, GNU's long names, pax records. Whoever wrote it is not trusted. */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include "error.h"

struct tar_entry {
	char *name, *link; /* of the reader, until the next entry */
	char type;         /* '0' to '7' */
	mode_t mode;
	uid_t uid;
	gid_t gid;
	uint64_t size; /* of the content, 0 where there is none */
	int64_t mtime;
	uint32_t mtime_ns;
	unsigned major, minor;
	uint8_t capability[64];
	size_t capability_size;
};

struct tar_in {
	int fd;
	size_t start, size;
	uint8_t buffer[65536];
	uint64_t left;    /* content of the current entry not read yet */
	unsigned padding; /* after it */
	char *name, *link;
};

/* 1: the next entry; 0: the end of the archive, what follows it was read too; -1. */
int tar_next(struct tar_in *in, struct tar_entry *entry, struct error *err);
/* The next bytes of the current entry's content, at least one; 0 at its end. They stay until the next call. */
ssize_t tar_content(struct tar_in *in, const uint8_t **data, struct error *err);
void tar_in_free(struct tar_in *in);
