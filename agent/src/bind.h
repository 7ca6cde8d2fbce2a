#pragma once
#include "error.h"

/* Keeps the mount namespace that this process is in: the host's, before the shim makes one of its own. */
void bind_remember_host(void);
/* Binds what `source` is beneath the directory `root`, where no link and no `..` leads out of it, on `target`, which is made. With MS_SHARED
 * in flags it stays a peer of the host's mount, with MS_SLAVE it hears of what is mounted there. `root` may be a file when source is ".". */
int bind_beneath(const char *root, const char *source, const char *target, unsigned long flags, struct error *err);
