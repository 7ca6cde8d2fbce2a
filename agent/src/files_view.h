/* Where the `files` command looks: a container's root filesystem, entered for good, in mounts of its own. */
#pragma once
#include "error.h"

enum { BIND_WORDS = 4 };

struct view {
	const char *overlay_at, *overlay;   /* an overlay to mount first, and its options; NULL: none */
	char **binds;                       /* bind_count times: source, what of it ("": all), place below the root, rw or ro */
	int bind_count;
	const char *root;
};

/* In mounts of its own: the overlay. */
int view_mount(const struct view *view, struct error *err);
/* Afterwards "/" is the root. No device can be opened there, nothing executed. */
int view_enter(const struct view *view, struct error *err);
