#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "cleanup.h"
#include "operations.h"
#include "paths.h"

/* The command `abode-agent populate`. The image's view is mounted in a mount namespace of this process only; cp writes into a directory of
 * its own beside the volume's, where nobody else can be, and what it made replaces the volume's empty directory in one step. A volume that
 * others have mounted keeps its directory: what was copied is moved into it. */

/* Names in the volume's directory. */
static const char DATA[] = "_data", FILL[] = "fill", MOVING[] = "moving";

static int is_empty(int directory)
{
	int fd = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *entries = fd < 0 ? NULL : fdopendir(fd);
	if (!entries)
		return -1;
	int empty = 1;
	for (struct dirent *entry; empty && (entry = readdir(entries));)
		empty = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
	(void)closedir(entries);
	return empty;
}

/* The image's root: its one layer's directory, or an overlay by these options, mounted over `place`. */
static int open_image(const char *place, char *image, struct error *err)
{
	int overlay = strncmp(image, "lowerdir=", strlen("lowerdir=")) == 0;
	if (overlay && mount_filesystem("overlay", place, "overlay", MS_RDONLY, image, err) < 0)
		return -1;
	int root = open(overlay ? place : image, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return root < 0 ? fail(err, "populate", errno, "the image's root") : root;
}

static int copy(int from, int to, struct error *err)
{
	char source[32], target[32];
	(void)snprintf(source, sizeof source, "/proc/self/fd/%d/.", from);
	(void)snprintf(target, sizeof target, "/proc/self/fd/%d/", to);
	pid_t pid = fork();
	if (pid < 0)
		return fail(err, "populate", errno, "fork");
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		char *arguments[] = {"cp", "-a", "--", source, target, NULL};
		if (fcntl(from, F_SETFD, 0) == 0 && fcntl(to, F_SETFD, 0) == 0)
			(void)execvp("cp", arguments);
		_exit(125);
	}
	int status;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return fail(err, "populate", errno, "waiting for cp");
	/* What went wrong cp has said already. */
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : fail(err, "populate", 0, "cp could not copy everything");
}

/* Moves what is in MOVING into the volume, whose owner may be at work there; what is there already stays. */
static int move_entries(int volume, int data, struct error *err)
{
	int fd = openat(volume, MOVING, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat info;
	DIR *entries = fd < 0 || fstat(fd, &info) < 0 ? NULL : fdopendir(fd);
	if (!entries)
		return fail(err, "populate", errno, "%s", MOVING);
	int result = 0;
	for (struct dirent *entry; result == 0 && (entry = readdir(entries));) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (syscall(SYS_renameat2, fd, entry->d_name, data, entry->d_name, RENAME_NOREPLACE) < 0 && errno != EEXIST)
			result = fail(err, "populate", errno, "moving %s", entry->d_name);
	}
	if (result == 0 && (fchownat(data, "", info.st_uid, info.st_gid, AT_EMPTY_PATH) < 0 || fchmod(data, info.st_mode & 07777) < 0))
		result = fail(err, "populate", errno, "owner and mode of the volume");
	(void)closedir(entries);
	return result;
}

static int fill(int volume, int data, int source, int in_use, struct error *err)
{
	if (mkdirat(volume, FILL, 0700) < 0)
		return fail(err, "populate", errno, "a directory for the copy");
	cleanup_close int made = openat(volume, FILL, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (made < 0)
		return fail(err, "populate", errno, "%s", FILL);
	if (copy(source, made, err) < 0)
		return -1;
	if (in_use) {
		if (renameat(volume, FILL, volume, MOVING) < 0)
			return fail(err, "populate", errno, "%s", MOVING);
		return move_entries(volume, data, err);
	}
	/* Somebody else's first file makes it a volume that is not to be populated. */
	if (renameat(volume, FILL, volume, DATA) < 0 && errno != ENOTEMPTY && errno != EEXIST)
		return fail(err, "populate", errno, "placing the copy");
	return 0;
}

static int populate(const char *directory, const char *destination, int in_use, char *image, struct error *err)
{
	cleanup_close int volume = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cleanup_close int data = volume < 0 ? -1 : openat(volume, DATA, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (data < 0)
		return fail(err, "populate", errno, "%s", directory);
	if (faccessat(volume, MOVING, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return move_entries(volume, data, err);
	int empty = is_empty(data);
	if (empty < 0)
		return fail(err, "populate", errno, "reading the volume");
	if (!empty)
		return 0;
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return fail(err, "populate", errno, "a private mount namespace");
	cleanup_close int root = open_image(directory, image, err);
	if (root < 0)
		return -1;
	cleanup_close int source = path_open_in(root, destination, O_RDONLY | O_DIRECTORY);
	if (source < 0)
		return errno == ENOENT ? 0 : fail(err, "populate", errno, "%s in the image", destination);
	return fill(volume, data, source, in_use, err);
}

int populate_main(const char *use, const char *directory, const char *destination, char *image)
{
	struct error err;
	/* A daemon that comes after the one that asked knows nothing of this copy. */
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (populate(directory, destination, strcmp(use, "in-use") == 0, image, &err) == 0)
		return 0;
	(void)fprintf(stderr, "abode-agent: populate: %s\n", err.message);
	return 1;
}
