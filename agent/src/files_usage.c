#include "files_usage.h"
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

/* Inodes with several names; a layer has few. */
static ino_t *shared;
static size_t shared_count;
static uint64_t total;

static int count(const char *path, const struct stat *info, int kind, struct FTW *place)
{
	(void)path;
	(void)place;
	if (kind == FTW_D || kind == FTW_DNR || kind == FTW_NS)
		return 0;
	if (info->st_nlink > 1) {
		for (size_t i = 0; i < shared_count; i++)
			if (shared[i] == info->st_ino)
				return 0;
		ino_t *grown = realloc(shared, (shared_count + 1) * sizeof *shared);
		if (!grown)
			return -1;
		shared = grown;
		shared[shared_count++] = info->st_ino;
	}
	total += (uint64_t)info->st_size;
	return 0;
}

int files_usage(struct error *err)
{
	if (nftw(".", count, 64, FTW_PHYS | FTW_MOUNT) != 0)
		return fail(err, "system", errno, "counting");
	return printf("%llu\n", (unsigned long long)total) < 0 || fflush(stdout) != 0 ? fail(err, "system", errno, "writing") : 0;
}
