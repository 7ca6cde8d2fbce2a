#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "cleanup.h"
#include "files_changes.h"
#include "files_get.h"
#include "files_put.h"
#include "files_stat.h"
#include "files_usage.h"
#include "files_view.h"
#include "operations.h"

struct words {
	char **at;
	int left;
};

static char *take(struct words *words)
{
	if (words->left == 0)
		return NULL;
	words->left--;
	return *words->at++;
}

static bool takes(struct words *words, const char *option)
{
	if (words->left == 0 || strcmp(*words->at, option) != 0)
		return false;
	(void)take(words);
	return true;
}

/* Stdin and stdout become a connection to whoever asked: bytes that need no frames. */
static int connect_streams(const char *path, struct error *err)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	cleanup_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (strlen(path) >= sizeof address.sun_path)
		return fail(err, "usage", ENAMETOOLONG, "%s", path);
	(void)strcpy(address.sun_path, path);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) < 0 || dup2(fd, STDIN_FILENO) < 0 || dup2(fd, STDOUT_FILENO) < 0)
		return fail(err, "system", errno, "connecting to %s", path);
	return 0;
}

static bool read_view(struct words *words, struct view *view)
{
	*view = (struct view){0};
	for (;;) {
		if (takes(words, "--overlay")) {
			view->overlay_at = take(words);
			view->overlay = take(words);
		} else if (takes(words, "--bind") && words->left >= BIND_WORDS) {
			if (view->bind_count == 0)
				view->binds = words->at;
			else
				memmove(view->binds + BIND_WORDS * view->bind_count, words->at, BIND_WORDS * sizeof *words->at);
			view->bind_count++;
			words->at += BIND_WORDS;
			words->left -= BIND_WORDS;
		} else {
			break;
		}
	}
	view->root = take(words);
	return view->root != NULL;
}

/* `get`: what is there is told first, so that whoever asks knows before the archive begins. */
static int get(const char *path, const char *name, struct error *err) { return files_stat(path, err) < 0 ? -1 : files_get(path, name, err); }

static int put(struct words *words, const char *path, struct error *err)
{
	struct put_options options = {.keep_kinds = takes(words, "--keep-kinds")};
	if (takes(words, "--user"))
		options.user = take(words);
	return files_put(path, &options, err);
}

static int changes(const struct view *view, const char *lower_path, struct error *err)
{
	if (view_mount(view, err) < 0)
		return -1;
	cleanup_close int lower = open(lower_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (lower < 0)
		return fail(err, "system", errno, "%s", lower_path);
	return view_enter(view, err) < 0 ? -1 : files_changes(lower, err);
}

static int carry_out(struct words *words, struct error *err)
{
	struct view view;
	if (takes(words, "--connect") && words->left > 0 && connect_streams(take(words), err) < 0)
		return -1;
	char *verb = read_view(words, &view) ? take(words) : NULL;
	if (!verb)
		return fail(err, "usage", 0, "files needs a root and a verb");
	if (strcmp(verb, "changes") == 0 && words->left == 1)
		return changes(&view, take(words), err);
	if (view_mount(&view, err) < 0 || view_enter(&view, err) < 0)
		return -1;
	if (strcmp(verb, "usage") == 0)
		return files_usage(err);
	if (strcmp(verb, "export") == 0)
		return files_get("/", "", err);
	char *path = take(words);
	if (path && strcmp(verb, "stat") == 0)
		return files_stat(path, err);
	if (path && strcmp(verb, "get") == 0 && words->left == 1)
		return get(path, take(words), err);
	if (path && strcmp(verb, "put") == 0)
		return put(words, path, err);
	return fail(err, "usage", 0, "files does not know %s", verb);
}

int files_main(int count, char **arguments)
{
	struct error err;
	struct words words = {arguments, count};
	struct rlimit none = {0, 0};
	(void)setrlimit(RLIMIT_CORE, &none);
	(void)prctl(PR_SET_DUMPABLE, 0);
	if (carry_out(&words, &err) == 0)
		return 0;
	(void)fprintf(stderr, "%s: %s\n", err.code, err.message);
	return 1;
}
