#include "names.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int compare(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static bool append(struct names *names, size_t *capacity, const char *name)
{
	if (names->count == *capacity) {
		size_t more = *capacity ? 2 * *capacity : 64;
		char **grown = realloc(names->all, more * sizeof *grown);
		if (!grown)
			return false;
		names->all = grown;
		*capacity = more;
	}
	char *copy = strdup(name);
	if (!copy)
		return false;
	names->all[names->count++] = copy;
	return true;
}

int names_list(int directory, struct names *names, struct error *err)
{
	size_t capacity = 0;
	int copy = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *stream = copy < 0 ? NULL : fdopendir(copy);
	*names = (struct names){0};
	if (!stream) {
		int saved = errno;
		if (copy >= 0)
			(void)close(copy);
		return fail(err, "system", saved, "reading a directory");
	}
	bool whole = true;
	for (struct dirent *entry; whole && (entry = readdir(stream));)
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			whole = append(names, &capacity, entry->d_name);
	(void)closedir(stream);
	if (!whole) {
		names_free(names);
		return fail(err, "system", ENOMEM, "reading a directory");
	}
	if (names->count)
		qsort(names->all, names->count, sizeof *names->all, compare);
	return 0;
}

void names_free(struct names *names)
{
	while (names->count)
		free(names->all[--names->count]);
	free(names->all);
	names->all = NULL;
}
