#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "cleanup.h"
#include "operations.h"
#include "unpack_tar.h"
#include "unpack_whiteouts.h"

/* Everything that tar says is read, so that it never waits; the beginning is kept. */
static void read_messages(int fd, char *text, size_t size)
{
	char rest[4096];
	size_t length = 0;
	for (;;) {
		int keep = length < size - 1;
		ssize_t count = read(fd, keep ? text + length : rest, keep ? size - 1 - length : sizeof rest);
		if (count < 0 && errno == EINTR)
			continue;
		if (count <= 0)
			break;
		length += keep ? (size_t)count : 0;
	}
	text[length] = 0;
}

/* The line that tells what went wrong: the first that is no remark. Its text is cut in place. */
static const char *choose_line(char *messages)
{
	char *rest = NULL;
	for (char *line = strtok_r(messages, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		if (!strstr(line, "Removing leading"))
			return strncmp(line, "tar: ", 5) == 0 ? line + 5 : line;
	return "tar gave no reason";
}

static int wait_for_tar(pid_t pid, char *messages, struct error *err)
{
	int status;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return fail(err, "unpack", errno, "waiting for tar");
	if (WIFSIGNALED(status))
		return fail(err, "unpack", 0, "tar was ended by signal %d", WTERMSIG(status));
	if (WEXITSTATUS(status) != 0)
		return fail(err, "unpack", 0, "%s", choose_line(messages));
	return 0;
}

/* What follows the end of the archive is read too: the one who writes gets no EPIPE, and hashes all of it. */
static void drain(int fd)
{
	char rest[65536];
	ssize_t count;
	do
		count = read(fd, rest, sizeof rest);
	while (count > 0 || (count < 0 && errno == EINTR));
}

static int unpack(const char *directory, struct error *err)
{
	char messages[4096];
	int ends[2];
	cleanup_close int layer = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (layer < 0)
		return fail(err, "unpack", errno, "%s", directory);
	if (pipe2(ends, O_CLOEXEC) < 0)
		return fail(err, "unpack", errno, "pipe");
	pid_t pid = unpack_tar_start(directory, ends[1], err);
	(void)close(ends[1]);
	if (pid >= 0)
		read_messages(ends[0], messages, sizeof messages);
	(void)close(ends[0]);
	if (pid < 0 || wait_for_tar(pid, messages, err) < 0)
		return -1;
	drain(STDIN_FILENO);
	return unpack_whiteouts(layer, err);
}

int unpack_main(const char *directory)
{
	struct error err;
	if (unpack(directory, &err) == 0)
		return 0;
	(void)fprintf(stderr, "abode-agent: unpack: %s\n", err.message);
	return 1;
}
