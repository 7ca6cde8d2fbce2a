/* Scope-bound clean-up, in the manner of systemd and crun. */
#pragma once
#include <stdlib.h>
#include <unistd.h>

static inline void cleanup_free_pointer(void *p) { free(*(void **)p); }
static inline void cleanup_close_fd(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
}
#define cleanup_free __attribute__((cleanup(cleanup_free_pointer)))
#define cleanup_close __attribute__((cleanup(cleanup_close_fd)))
#define STEAL_FD(fd) ({ int stolen_ = (fd); (fd) = -1; stolen_; })
#define STEAL_POINTER(p) ({ __auto_type stolen_ = (p); (p) = NULL; stolen_; })
