#include "files_changes.h"
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>
#include "cleanup.h"
#include "names.h"

struct change {
	char kind;
	char *path;
};

struct walk {
	struct change *changes;
	size_t count, capacity;
	char path[8192];
};

static int report(struct walk *walk, char kind, struct error *err)
{
	if (walk->count == walk->capacity) {
		size_t capacity = walk->capacity ? 2 * walk->capacity : 256;
		struct change *grown = realloc(walk->changes, capacity * sizeof *grown);
		if (!grown)
			return fail(err, "system", errno, "memory");
		walk->changes = grown;
		walk->capacity = capacity;
	}
	char *path = strdup(walk->path);
	if (!path)
		return fail(err, "system", errno, "memory");
	walk->changes[walk->count++] = (struct change){kind, path};
	return 0;
}

/* A directory is told before what is in it, and known to have changed only after. */
static int report_before(struct walk *walk, char kind, size_t before, struct error *err)
{
	if (report(walk, kind, err) < 0)
		return -1;
	struct change last = walk->changes[walk->count - 1];
	memmove(walk->changes + before + 1, walk->changes + before, (walk->count - 1 - before) * sizeof last);
	walk->changes[before] = last;
	return 0;
}

static bool is_opaque(int directory)
{
	char value;
	return fgetxattr(directory, "trusted.overlay.opaque", &value, 1) == 1 && value == 'y';
}

static bool is_whiteout(const struct stat *info) { return S_ISCHR(info->st_mode) && info->st_rdev == 0; }

static bool differs(const struct stat *upper, const struct stat *lower)
{
	if (upper->st_mode != lower->st_mode || upper->st_uid != lower->st_uid || upper->st_gid != lower->st_gid || upper->st_rdev != lower->st_rdev)
		return true;
	/* A directory's size and time say nothing: they change when the container is given its mount points. */
	if (S_ISDIR(upper->st_mode))
		return false;
	return upper->st_size != lower->st_size || upper->st_mtim.tv_sec != lower->st_mtim.tv_sec || upper->st_mtim.tv_nsec != lower->st_mtim.tv_nsec;
}

static int compare_below(struct walk *walk, size_t length, int upper, int lower, struct error *err);

static int open_directory(int parent, const char *name) { return openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC); }

/* walk->path names the entry, `length` bytes; lower is -1 where nothing lies below its directory. */
static int compare(struct walk *walk, size_t length, int upper_parent, int lower_parent, const char *name, struct error *err)
{
	struct stat upper, lower;
	if (fstatat(upper_parent, name, &upper, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : fail(err, "system", errno, "%s", walk->path);
	bool below = lower_parent >= 0 && fstatat(lower_parent, name, &lower, AT_SYMLINK_NOFOLLOW) == 0;
	if (is_whiteout(&upper))
		return below ? report(walk, 'D', err) : 0;
	bool changed = !below || differs(&upper, &lower);
	if (!S_ISDIR(upper.st_mode))
		return changed ? report(walk, below ? 'C' : 'A', err) : 0;
	size_t before = walk->count;
	cleanup_close int upper_fd = open_directory(upper_parent, name);
	cleanup_close int lower_fd = below && S_ISDIR(lower.st_mode) ? open_directory(lower_parent, name) : -1;
	if (upper_fd < 0)
		return errno == ENOENT ? 0 : fail(err, "system", errno, "%s", walk->path);
	if (compare_below(walk, length, upper_fd, lower_fd, err) < 0)
		return -1;
	return changed || walk->count > before ? report_before(walk, below ? 'C' : 'A', before, err) : 0;
}

static int each(struct walk *walk, size_t length, const char *name, size_t *longer, struct error *err)
{
	size_t more = strlen(name);
	if (length + more + 2 > sizeof walk->path)
		return fail(err, "system", ENAMETOOLONG, "%s", walk->path);
	walk->path[length] = '/';
	memcpy(walk->path + length + 1, name, more + 1);
	*longer = length + 1 + more;
	return 0;
}

/* What an opaque directory hides is gone, unless it has something of that name itself. */
static int report_hidden(struct walk *walk, size_t length, int upper, int lower, struct error *err)
{
	struct names names;
	struct stat info;
	if (names_list(lower, &names, err) < 0)
		return -1;
	int result = 0;
	for (size_t i = 0; i < names.count && result == 0; i++) {
		size_t longer;
		if (fstatat(upper, names.all[i], &info, AT_SYMLINK_NOFOLLOW) == 0)
			continue;
		result = each(walk, length, names.all[i], &longer, err);
		if (result == 0)
			result = report(walk, 'D', err);
	}
	names_free(&names);
	walk->path[length] = 0;
	return result;
}

static int compare_below(struct walk *walk, size_t length, int upper, int lower, struct error *err)
{
	struct names names;
	if (lower >= 0 && is_opaque(upper) && report_hidden(walk, length, upper, lower, err) < 0)
		return -1;
	if (names_list(upper, &names, err) < 0)
		return -1;
	int result = 0;
	for (size_t i = 0; i < names.count && result == 0; i++) {
		size_t longer;
		result = each(walk, length, names.all[i], &longer, err);
		if (result == 0)
			result = compare(walk, longer, upper, lower, names.all[i], err);
	}
	names_free(&names);
	walk->path[length] = 0;
	return result;
}

int files_changes(int lower, struct error *err)
{
	static struct walk walk;
	cleanup_close int upper = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (upper < 0)
		return fail(err, "system", errno, "the upper layer");
	if (compare_below(&walk, 0, upper, lower, err) < 0)
		return -1;
	for (size_t i = 0; i < walk.count; i++)
		if (fprintf(stdout, "%c %s%c", walk.changes[i].kind, walk.changes[i].path, 0) < 0)
			return fail(err, "system", errno, "writing");
	return fflush(stdout) == 0 ? 0 : fail(err, "system", errno, "writing");
}
