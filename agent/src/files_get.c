#include "files_get.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>
#include "cleanup.h"
#include "names.h"
#include "tar_write.h"

/* Names of files with several links: the second and later ones are written as links to the first. */
struct seen {
	dev_t device;
	ino_t inode;
	char *name;
};

struct walk {
	struct tar_out out;
	struct seen *seen;
	size_t seen_count, seen_capacity;
	char name[8192];
};

static const char *first_name(struct walk *walk, const struct stat *info)
{
	if (walk->seen_capacity == 0)
		return NULL;
	for (size_t at = (info->st_ino * 31 + info->st_dev) % walk->seen_capacity; walk->seen[at].name; at = (at + 1) % walk->seen_capacity)
		if (walk->seen[at].inode == info->st_ino && walk->seen[at].device == info->st_dev)
			return walk->seen[at].name;
	return NULL;
}

static void insert(struct seen *table, size_t capacity, struct seen entry)
{
	size_t at = (entry.inode * 31 + entry.device) % capacity;
	while (table[at].name)
		at = (at + 1) % capacity;
	table[at] = entry;
}

static int remember(struct walk *walk, const struct stat *info, struct error *err)
{
	if (2 * (walk->seen_count + 1) > walk->seen_capacity) {
		size_t capacity = walk->seen_capacity ? 2 * walk->seen_capacity : 256;
		struct seen *table = calloc(capacity, sizeof *table);
		if (!table)
			return fail(err, "system", errno, "memory");
		for (size_t i = 0; i < walk->seen_capacity; i++)
			if (walk->seen[i].name)
				insert(table, capacity, walk->seen[i]);
		free(walk->seen);
		walk->seen = table;
		walk->seen_capacity = capacity;
	}
	char *name = strdup(walk->name);
	if (!name)
		return fail(err, "system", errno, "memory");
	insert(walk->seen, walk->seen_capacity, (struct seen){info->st_dev, info->st_ino, name});
	walk->seen_count++;
	return 0;
}

/* As many bytes as the header said: a file that shrinks meanwhile is filled up, one that grows cut off. */
static int write_content(struct walk *walk, int fd, uint64_t size, struct error *err)
{
	static uint8_t buffer[65536];
	uint64_t left = size;
	while (left) {
		size_t want = left < sizeof buffer ? (size_t)left : sizeof buffer;
		ssize_t count = read(fd, buffer, want);
		if (count < 0 && errno == EINTR)
			continue;
		if (count < 0)
			return fail(err, "system", errno, "reading %s", walk->name);
		if (count == 0) {
			memset(buffer, 0, want);
			count = (ssize_t)want;
		}
		if (tar_write(&walk->out, buffer, (size_t)count, err) < 0)
			return -1;
		left -= (uint64_t)count;
	}
	return tar_write_padding(&walk->out, size, err);
}

static int add_file(struct walk *walk, int parent, const char *entry, struct stat *info, struct error *err)
{
	const char *first = info->st_nlink > 1 ? first_name(walk, info) : NULL;
	struct tar_member member = {.name = walk->name, .link = first ? first : "", .type = first ? '1' : '0', .info = info};
	if (first)
		return tar_write_header(&walk->out, &member, err);
	cleanup_close int fd = openat(parent, entry, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0 || fstat(fd, info) < 0)
		return fail(err, "system", errno, "%s", walk->name);
	if (!S_ISREG(info->st_mode))
		return 0; /* it became something else meanwhile */
	char capability[64];
	ssize_t size = fgetxattr(fd, "security.capability", capability, sizeof capability);
	if (size > 0) {
		member.capability = capability;
		member.capability_size = (size_t)size;
	}
	member.content = (uint64_t)info->st_size;
	if (info->st_nlink > 1 && remember(walk, info, err) < 0)
		return -1;
	if (tar_write_header(&walk->out, &member, err) < 0)
		return -1;
	return write_content(walk, fd, member.content, err);
}

static int add_link(struct walk *walk, int parent, const char *entry, const struct stat *info, struct error *err)
{
	char target[4096];
	ssize_t length = readlinkat(parent, entry, target, sizeof target - 1);
	if (length < 0)
		return errno == ENOENT || errno == EINVAL ? 0 : fail(err, "system", errno, "%s", walk->name);
	target[length] = 0;
	struct tar_member member = {.name = walk->name, .link = target, .type = '2', .info = info};
	return tar_write_header(&walk->out, &member, err);
}

static int add(struct walk *walk, int parent, const char *entry, size_t length, struct error *err);

/* Everything in the directory `fd`, whose name has `length` bytes and ends with a slash, or is empty. */
static int add_below(struct walk *walk, int fd, size_t length, struct error *err)
{
	struct names names;
	if (names_list(fd, &names, err) < 0)
		return -1;
	int result = 0;
	for (size_t i = 0; i < names.count && result == 0; i++) {
		size_t more = strlen(names.all[i]);
		if (length + more + 2 > sizeof walk->name) {
			result = fail(err, "system", ENAMETOOLONG, "%s", walk->name);
		} else {
			memcpy(walk->name + length, names.all[i], more + 1);
			result = add(walk, fd, names.all[i], length + more, err);
		}
	}
	names_free(&names);
	return result;
}

static int add_directory(struct walk *walk, int parent, const char *entry, size_t length, const struct stat *info, struct error *err)
{
	if (length == 0 || walk->name[length - 1] != '/')
		walk->name[length++] = '/';
	walk->name[length] = 0;
	struct tar_member member = {.name = walk->name, .link = "", .type = '5', .info = info};
	cleanup_close int fd = openat(parent, entry, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR ? 0 : fail(err, "system", errno, "%s", walk->name);
	if (tar_write_header(&walk->out, &member, err) < 0)
		return -1;
	return add_below(walk, fd, length, err);
}

/* What goes away while it is archived is left out, as if it had gone before. */
static int add(struct walk *walk, int parent, const char *entry, size_t length, struct error *err)
{
	struct stat info;
	if (fstatat(parent, entry, &info, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : fail(err, "system", errno, "%s", walk->name);
	struct tar_member member = {.name = walk->name, .link = "", .info = &info};
	switch (info.st_mode & S_IFMT) {
	case S_IFREG: return add_file(walk, parent, entry, &info, err);
	case S_IFLNK: return add_link(walk, parent, entry, &info, err);
	case S_IFDIR: return add_directory(walk, parent, entry, length, &info, err);
	case S_IFCHR: member.type = '3'; break;
	case S_IFBLK: member.type = '4'; break;
	case S_IFIFO: member.type = '6'; break;
	default: return 0; /* a socket: there is no form for it */
	}
	return tar_write_header(&walk->out, &member, err);
}

int files_get(const char *path, const char *name, struct error *err)
{
	static struct walk walk;
	int result;
	walk.out.fd = STDOUT_FILENO;
	if (strlen(name) + 2 > sizeof walk.name)
		return fail(err, "invalid", ENAMETOOLONG, "%s", name);
	(void)strcpy(walk.name, name);
	if (*name) {
		/* `path` may end with a slash: then its last link is followed. */
		struct stat info;
		if (lstat(path, &info) < 0)
			return fail(err, "not-found", errno, "%s", path);
		cleanup_close int directory = S_ISDIR(info.st_mode) ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
		result = directory >= 0 ? add_directory(&walk, directory, ".", strlen(name), &info, err) : add(&walk, AT_FDCWD, path, strlen(name), err);
	} else {
		cleanup_close int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		result = directory < 0 ? fail(err, "not-found", errno, "%s", path) : add_below(&walk, directory, 0, err);
	}
	return result < 0 ? -1 : tar_write_end(&walk.out, err);
}
