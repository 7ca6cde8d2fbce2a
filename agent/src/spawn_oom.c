#include "spawn_oom.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "loop.h"

struct oom {
	struct watch watch;
	bool struck;
	struct oom *next;
	char container[];
};

static struct oom *watched;

static struct oom **find(const char *container)
{
	struct oom **at = &watched;
	while (*at && strcmp((*at)->container, container) != 0)
		at = &(*at)->next;
	return at;
}

/* memory.events of cgroup version 2. */
static void read_events(struct oom *oom)
{
	char text[1024];
	ssize_t count = pread(oom->watch.fd, text, sizeof text - 1, 0);
	if (count <= 0)
		return;
	text[count] = 0;
	const char *line = strstr(text, "\noom_kill ");
	oom->struck = line && strtoul(line + sizeof "\noom_kill" , NULL, 10) > 0;
}

static void told(struct watch *watch, uint32_t events)
{
	(void)events;
	read_events(watch->owner);
}

void oom_watch(const char *container, const char *directory)
{
	char path[640];
	if (*find(container))
		return;
	(void)snprintf(path, sizeof path, "%s/memory.events", directory);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct oom *oom = fd < 0 ? NULL : calloc(1, sizeof *oom + strlen(container) + 1);
	if (!oom) {
		if (fd >= 0)
			(void)close(fd);
		return;
	}
	(void)strcpy(oom->container, container);
	oom->watch = (struct watch){.fd = fd, .ready = told, .owner = oom};
	oom->next = watched;
	watched = oom;
	read_events(oom); /* what happens from now on is news */
	loop_watch(&oom->watch, EPOLLPRI);
}

bool oom_struck(const char *container, bool suspected)
{
	struct oom *oom = *find(container);
	if (oom && suspected)
		read_events(oom);
	return oom && oom->struck;
}

void oom_forget(const char *container)
{
	struct oom **at = find(container), *oom = *at;
	if (!oom)
		return;
	*at = oom->next;
	loop_forget(&oom->watch);
	(void)close(oom->watch.fd);
	free(oom);
}
