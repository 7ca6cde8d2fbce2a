#include "files_put.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>
#include "cleanup.h"
#include "operations.h"
#include "paths.h"
#include "tar_read.h"
#include "user.h"

/* Times of directories are set at the end: what is put into them changes them. */
struct late {
	char *name;
	struct timespec time;
	struct late *next;
};

struct put {
	const char *destination;
	const struct put_options *options;
	struct resolved_user owner;
	struct late *late;
};

/* Without `.`, `..` and doubled slashes, relative; -1 when it leads out of where it begins. The text gets shorter, in place. */
static int clean(char *name)
{
	char *parts[2048], *rest = NULL;
	size_t count = 0;
	char copy[4096];
	if (strlen(name) >= sizeof copy)
		return -1;
	(void)strcpy(copy, name);
	for (char *part = strtok_r(copy, "/", &rest); part; part = strtok_r(NULL, "/", &rest)) {
		if (strcmp(part, ".") == 0)
			continue;
		if (strcmp(part, "..") == 0) {
			if (count-- == 0)
				return -1;
		} else if (count < sizeof parts / sizeof *parts) {
			parts[count++] = part;
		} else {
			return -1;
		}
	}
	*name = 0;
	for (size_t i = 0; i < count; i++)
		(void)strcat(i ? strcat(name, "/") : name, parts[i]);
	return 0;
}

static int make_parents(const char *name, struct error *err)
{
	const char *slash = strrchr(name, '/');
	if (!slash)
		return 0;
	cleanup_free char *parent = strndup(name, (size_t)(slash - name));
	struct stat info;
	if (!parent)
		return fail(err, "system", errno, "memory");
	if (lstat(parent, &info) == 0)
		return 0;
	return path_mkdirs(parent, 0755) < 0 ? fail(err, "system", errno, "mkdir %s", parent) : 0;
}

/* Makes room for the entry: 1 when a directory stays where one is to come, 0 when nothing is there, -1. */
static int make_room(const struct put *put, const struct tar_entry *entry, struct error *err)
{
	struct stat info;
	bool directory = entry->type == '5';
	if (lstat(entry->name, &info) < 0)
		return errno == ENOENT ? 0 : fail(err, "system", errno, "%s", entry->name);
	bool is_directory = S_ISDIR(info.st_mode);
	if (put->options->keep_kinds && is_directory && !directory)
		return fail(err, "invalid", 0, "cannot overwrite directory \"%s%s\" with non-directory \"%s\"", put->destination, entry->name, put->destination);
	if (put->options->keep_kinds && !is_directory && directory)
		return fail(err, "invalid", 0, "cannot overwrite non-directory \"%s%s\" with directory \"%s\"", put->destination, entry->name, put->destination);
	if (is_directory && directory)
		return 1;
	return path_remove_below(AT_FDCWD, entry->name, info.st_dev) < 0 ? fail(err, "system", errno, "replacing %s", entry->name) : 0;
}

static int write_file(struct tar_in *in, const struct tar_entry *entry, struct error *err)
{
	cleanup_close int fd = open(entry->name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	const uint8_t *data = NULL;
	ssize_t count;
	if (fd < 0)
		return fail(err, "system", errno, "%s", entry->name);
	while ((count = tar_content(in, &data, err)) > 0) {
		for (ssize_t at = 0; at < count;) {
			ssize_t written = write(fd, data + at, (size_t)(count - at));
			if (written < 0 && errno == EINTR)
				continue;
			if (written < 0)
				return fail(err, "system", errno, "write %s", entry->name);
			at += written;
		}
	}
	return count < 0 ? -1 : 0;
}

static int make(struct tar_in *in, struct tar_entry *entry, struct error *err)
{
	int result;
	switch (entry->type) {
	case '0': return write_file(in, entry, err);
	case '1':
		if (clean(entry->link) < 0)
			return fail(err, "invalid", 0, "invalid hardlink \"%s\" -> \"%s\"", entry->name, entry->link);
		result = linkat(AT_FDCWD, entry->link, AT_FDCWD, entry->name, 0);
		break;
	case '2': result = symlink(entry->link, entry->name); break;
	case '3': result = mknod(entry->name, S_IFCHR | 0600, makedev(entry->major, entry->minor)); break;
	case '4': result = mknod(entry->name, S_IFBLK | 0600, makedev(entry->major, entry->minor)); break;
	case '5': result = mkdir(entry->name, 0700); break;
	case '6': result = mkfifo(entry->name, 0600); break;
	default: return fail(err, "invalid", 0, "unhandled tar header type %d", entry->type);
	}
	return result < 0 ? fail(err, "system", errno, "%s", entry->name) : 0;
}

static int set_time_later(struct put *put, const char *name, struct timespec time, struct error *err)
{
	struct late *late = calloc(1, sizeof *late);
	if (!late || !(late->name = strdup(name))) {
		free(late);
		return fail(err, "system", errno, "memory");
	}
	late->time = time;
	late->next = put->late;
	put->late = late;
	return 0;
}

static int set_attributes(struct put *put, const struct tar_entry *entry, struct error *err)
{
	bool to_user = put->options->user != NULL;
	uid_t uid = to_user ? put->owner.uid : entry->uid;
	gid_t gid = to_user ? put->owner.gid : entry->gid;
	struct timespec time = {.tv_sec = (time_t)entry->mtime, .tv_nsec = entry->mtime_ns};
	if (entry->type == '1')
		return 0; /* those of the file that it is another name of */
	if (lchown(entry->name, uid, gid) < 0)
		return fail(err, "system", errno, "chown %s", entry->name);
	/* After the owner, whose change takes set-user-id away. */
	if (entry->type != '2' && chmod(entry->name, entry->mode) < 0)
		return fail(err, "system", errno, "chmod %s", entry->name);
	if (entry->type == '0' && entry->capability_size && lsetxattr(entry->name, "security.capability", entry->capability, entry->capability_size, 0) < 0)
		return fail(err, "system", errno, "capabilities of %s", entry->name);
	if (entry->type == '5')
		return set_time_later(put, entry->name, time, err);
	struct timespec times[2] = {time, time};
	(void)utimensat(AT_FDCWD, entry->name, times, AT_SYMLINK_NOFOLLOW);
	return 0;
}

static int put_entry(struct put *put, struct tar_in *in, struct tar_entry *entry, struct error *err)
{
	cleanup_free char *written = strdup(entry->name);
	if (!written || clean(entry->name) < 0)
		return fail(err, "invalid", 0, "\"%s\" is outside of \"%s\"", written ? written : entry->name, put->destination);
	if (!*entry->name) /* the directory itself stays as it is */
		return 0;
	if (make_parents(entry->name, err) < 0)
		return -1;
	int there = make_room(put, entry, err);
	if (there < 0 || (there == 0 && make(in, entry, err) < 0))
		return -1;
	return set_attributes(put, entry, err);
}

static void set_late_times(struct put *put)
{
	while (put->late) {
		struct late *late = put->late;
		struct timespec times[2] = {late->time, late->time};
		(void)utimensat(AT_FDCWD, late->name, times, AT_SYMLINK_NOFOLLOW);
		put->late = late->next;
		free(late->name);
		free(late);
	}
}

int files_put(const char *path, const struct put_options *options, struct error *err)
{
	static struct tar_in in;
	struct put put = {.destination = path, .options = options};
	struct tar_entry entry;
	struct stat info;
	char destination[4098];
	if (stat(path, &info) < 0)
		return fail(err, errno == ENOTDIR || errno == ENOENT ? "not-found" : "system", errno, "%s", path);
	if (!S_ISDIR(info.st_mode))
		return fail(err, "not-a-directory", 0, "extraction point is not a directory");
	if (options->user) {
		cleanup_close int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (user_resolve(root, options->user, NULL, &put.owner, err) < 0)
			return -1;
	}
	if (chdir(path) < 0)
		return fail(err, "system", errno, "%s", path);
	size_t length = strlen(path);
	(void)snprintf(destination, sizeof destination, "%s%s", path, length && path[length - 1] == '/' ? "" : "/");
	put.destination = destination;
	(void)umask(0);
	int result;
	while ((result = tar_next(&in, &entry, err)) > 0)
		if (put_entry(&put, &in, &entry, err) < 0) {
			result = -1;
			break;
		}
	set_late_times(&put);
	tar_in_free(&in);
	return result;
}
