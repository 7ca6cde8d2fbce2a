#include "files_stat.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LONGEST = 4096, MOST_LINKS = 255 };

/* Takes the first part off `rest`. */
static char *next_part(char **rest)
{
	char *part = *rest + strspn(*rest, "/");
	char *end = part + strcspn(part, "/");
	if (!*part)
		return NULL;
	*rest = *end ? end + 1 : end;
	*end = 0;
	return part;
}

/* Follows all links of a path from the root, also beyond where something is; only the root itself has no parent. */
static int follow(const char *path, char resolved[LONGEST], struct error *err)
{
	char todo[2 * LONGEST], target[LONGEST];
	unsigned links = 0;
	if (strlen(path) >= LONGEST)
		return fail(err, "invalid", ENAMETOOLONG, "%s", path);
	(void)strcpy(todo, path);
	resolved[0] = 0;
	for (char *rest = todo, *part; (part = next_part(&rest));) {
		size_t length = strlen(resolved);
		if (strcmp(part, ".") == 0)
			continue;
		if (strcmp(part, "..") == 0) {
			char *slash = strrchr(resolved, '/');
			if (slash)
				*slash = 0;
			continue;
		}
		if (length + strlen(part) + 2 > LONGEST)
			return fail(err, "invalid", ENAMETOOLONG, "%s", path);
		(void)strcat(strcat(resolved, "/"), part);
		ssize_t size = readlink(resolved, target, sizeof target - 1);
		if (size < 0)
			continue;
		target[size] = 0;
		if (++links > MOST_LINKS)
			return fail(err, "invalid", ELOOP, "%s", path);
		resolved[target[0] == '/' ? 0 : length] = 0;
		if ((size_t)size + strlen(rest) + 2 > LONGEST)
			return fail(err, "invalid", ENAMETOOLONG, "%s", path);
		char joined[2 * LONGEST];
		(void)snprintf(joined, sizeof joined, "%s/%s", target, rest);
		(void)strcpy(todo, joined);
		rest = todo;
	}
	if (!*resolved)
		(void)strcpy(resolved, "/");
	return 0;
}

int files_stat(const char *path, struct error *err)
{
	struct stat info;
	char target[LONGEST] = "";
	if (lstat(path, &info) < 0)
		return fail(err, errno == ENOENT || errno == ENOTDIR ? "not-found" : "system", errno, "%s", path);
	if (S_ISLNK(info.st_mode) && follow(path, target, err) < 0)
		return -1;
	(void)printf("%u %lld %lld %ld%c%s%c", info.st_mode, (long long)info.st_size, (long long)info.st_mtim.tv_sec, info.st_mtim.tv_nsec, 0, target, 0);
	return fflush(stdout) == 0 ? 0 : fail(err, "system", errno, "writing");
}
