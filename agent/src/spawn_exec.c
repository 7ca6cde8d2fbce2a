#include "spawn_exec.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *variable(char *const *environment, const char *name)
{
	size_t length = strlen(name);
	const char *found = NULL;
	for (; *environment; environment++)
		if (strncmp(*environment, name, length) == 0 && (*environment)[length] == '=')
			found = *environment + length + 1;
	return found;
}

char **spawn_environment(struct fields request, const char *home)
{
	static char home_entry[300];
	char **given = fields_strings(request, TAG_ENV);
	if (!given || variable(given, "HOME"))
		return given;
	size_t count = 0;
	while (given[count])
		count++;
	char **list = calloc(count + 2, sizeof *list);
	if (!list)
		return NULL;
	memcpy(list, given, count * sizeof *list);
	(void)snprintf(home_entry, sizeof home_entry, "HOME=%s", home);
	list[count] = home_entry;
	return list;
}

static void refuse_exec(const char *command, int saved_errno, struct error *err)
{
	if (saved_errno == ENOENT || saved_errno == ENOTDIR) {
		if (strchr(command, '/'))
			fail(err, "not-found", 0, "exec: \"%s\": stat %s: no such file or directory", command, command);
		else
			fail(err, "not-found", 0, "exec: \"%s\": executable file not found in $PATH", command);
	} else {
		fail(err, "not-executable", 0, "exec: \"%s\": %s", command, saved_errno == ENOEXEC ? "exec format error" : saved_errno == EISDIR ? "is a directory" : "permission denied");
	}
}

void spawn_execute(char **arguments, char **environment, struct error *err)
{
	const char *path = variable(environment, "PATH");
	int saved = ENOENT;
	if (!*arguments[0]) {
		saved = ENOENT;
	} else if (strchr(arguments[0], '/')) {
		struct stat info;
		execve(arguments[0], arguments, environment);
		saved = errno;
		if (saved == EACCES && stat(arguments[0], &info) == 0 && S_ISDIR(info.st_mode))
			saved = EISDIR;
	} else {
		for (const char *at = path ? path : "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"; at && *at;) {
			size_t length = strcspn(at, ":");
			char candidate[4096];
			(void)snprintf(candidate, sizeof candidate, "%.*s/%s", (int)length, at, arguments[0]);
			execve(candidate, arguments, environment);
			if (errno != ENOENT && errno != ENOTDIR)
				saved = errno;
			at += length + (at[length] == ':');
		}
	}
	refuse_exec(arguments[0], saved, err);
}
