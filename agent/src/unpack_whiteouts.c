#include "unpack_whiteouts.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>
#include "cleanup.h"

static const char PREFIX[] = ".wh.", OPAQUE[] = ".wh..wh..opq", META_PREFIX[] = ".wh..wh.";
enum { PREFIX_LENGTH = sizeof PREFIX - 1, META_LENGTH = sizeof META_PREFIX - 1 };

/* Directories still to be read, by path: a hostile layer nests deeper than there are descriptors or stack. */
struct pending {
	char **paths;
	size_t count, capacity;
};

static int push(struct pending *pending, const char *parent, const char *name, struct error *err)
{
	size_t size = strlen(parent) + strlen(name) + 2;
	if (pending->count == pending->capacity) {
		size_t capacity = pending->capacity ? pending->capacity * 2 : 64;
		char **grown = realloc(pending->paths, capacity * sizeof *grown);
		if (!grown)
			return fail(err, "unpack", ENOMEM, "reading the layer");
		pending->paths = grown;
		pending->capacity = capacity;
	}
	char *path = malloc(size);
	if (!path)
		return fail(err, "unpack", ENOMEM, "reading the layer");
	(void)snprintf(path, size, "%s/%s", parent, name);
	pending->paths[pending->count++] = path;
	return 0;
}

static int open_directory(int layer_fd, const char *path)
{
	struct open_how how = {
		.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOATIME,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV,
	};
	return (int)syscall(SYS_openat2, layer_fd, path, &how, sizeof how);
}

static int make_opaque(int fd) { return fsetxattr(fd, "trusted.overlay.opaque", "y", 1, 0); }

/* A whiteout hides what lower layers have under its name. Of the same layer it hides nothing: a file there covers the lower one
 * anyway, a directory there starts empty. */
static int hide(int directory_fd, const char *name)
{
	if (mknodat(directory_fd, name, S_IFCHR, 0) == 0)
		return 0;
	if (errno != EEXIST)
		return -1;
	int fd = openat(directory_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOTDIR || errno == ELOOP ? 0 : -1;
	int result = make_opaque(fd), saved = errno;
	(void)close(fd);
	errno = saved;
	return result;
}

/* Aufs kept files of its own in layers, in directories of one level; they mean nothing here. */
static int remove_aufs(int directory_fd, const char *name)
{
	if (unlinkat(directory_fd, name, 0) == 0)
		return 0;
	int fd = openat(directory_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *stream = fd < 0 ? NULL : fdopendir(fd);
	if (!stream)
		return -1;
	for (struct dirent *entry; (entry = readdir(stream));)
		(void)unlinkat(fd, entry->d_name, 0); /* what stays makes the next call fail */
	(void)closedir(stream);
	return unlinkat(directory_fd, name, AT_REMOVEDIR);
}

static int convert(int directory_fd, const char *name)
{
	const char *hidden = name + PREFIX_LENGTH;
	if (strcmp(name, OPAQUE) != 0 && (!*hidden || strcmp(hidden, ".") == 0 || strcmp(hidden, "..") == 0)) {
		errno = EINVAL;
		return -1;
	}
	if (strcmp(name, OPAQUE) != 0 && strncmp(name, META_PREFIX, META_LENGTH) == 0)
		return remove_aufs(directory_fd, name);
	int result = strcmp(name, OPAQUE) == 0 ? make_opaque(directory_fd) : hide(directory_fd, hidden);
	return result < 0 ? -1 : unlinkat(directory_fd, name, 0);
}

static int is_directory(int directory_fd, const struct dirent *entry)
{
	struct stat info;
	if (entry->d_type != DT_UNKNOWN)
		return entry->d_type == DT_DIR;
	return fstatat(directory_fd, entry->d_name, &info, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(info.st_mode);
}

/* Reads the names first: what is made while a directory is read may or may not be listed. */
static int list_directory(DIR *stream, const char *path, struct pending *pending, struct pending *whiteouts, struct error *err)
{
	errno = 0;
	for (struct dirent *entry; (entry = readdir(stream));) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (strncmp(entry->d_name, PREFIX, PREFIX_LENGTH) == 0) {
			if (push(whiteouts, path, entry->d_name, err) < 0)
				return -1;
		} else if (is_directory(dirfd(stream), entry) && push(pending, path, entry->d_name, err) < 0) {
			return -1;
		}
		errno = 0;
	}
	return errno ? fail(err, "unpack", errno, "%s", path) : 0;
}

/* Converting changes the directory's time, which is the image's. */
static int convert_all(int fd, const struct pending *whiteouts, struct error *err)
{
	struct stat info;
	if (whiteouts->count == 0)
		return 0;
	if (fstat(fd, &info) < 0)
		return fail(err, "unpack", errno, "the layer");
	for (size_t i = 0; i < whiteouts->count; i++)
		if (convert(fd, strrchr(whiteouts->paths[i], '/') + 1) < 0)
			return fail(err, "unpack", errno, "whiteout %s", whiteouts->paths[i]);
	struct timespec times[2] = {info.st_atim, info.st_mtim};
	return futimens(fd, times) < 0 ? fail(err, "unpack", errno, "the layer") : 0;
}

static void release(struct pending *pending)
{
	while (pending->count)
		free(pending->paths[--pending->count]);
	free(pending->paths);
	*pending = (struct pending){0};
}

static int read_directory(int layer_fd, const char *path, struct pending *pending, struct error *err)
{
	struct pending whiteouts = {0};
	int fd = open_directory(layer_fd, path);
	if (fd < 0)
		return fail(err, "unpack", errno, "%s", path);
	DIR *stream = fdopendir(fd);
	if (!stream) {
		(void)close(fd);
		return fail(err, "unpack", ENOMEM, "%s", path);
	}
	int result = list_directory(stream, path, pending, &whiteouts, err);
	if (result == 0)
		result = convert_all(fd, &whiteouts, err);
	release(&whiteouts);
	(void)closedir(stream);
	return result;
}

int unpack_whiteouts(int layer_fd, struct error *err)
{
	struct pending pending = {0};
	int result = read_directory(layer_fd, ".", &pending, err);
	while (result == 0 && pending.count) {
		cleanup_free char *path = pending.paths[--pending.count];
		result = read_directory(layer_fd, path, &pending, err);
	}
	release(&pending);
	return result;
}
