/* The files that the engine gives to a container, such as /etc/hosts: in memory, each mounted on its place. */
#pragma once
#include "error.h"
#include "fields.h"

enum { SPAWN_FILES_MAX = 8 };

struct spawn_files {
	size_t count;
	int content[SPAWN_FILES_MAX], mount[SPAWN_FILES_MAX];
};

/* Makes count empty files, before the root is changed: a mount can only be cloned from what is mounted. */
int spawn_files_make(struct spawn_files *files, size_t count, struct error *err);
/* Writes and mounts the FILE* of the request; the places are made where they are missing. */
int spawn_files_place(const struct spawn_files *files, int root, struct fields request, struct error *err);
