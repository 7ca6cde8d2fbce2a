/* What the kernel remembers of datagrams that came for a port: where it sent the first of them, the next ones go too. */
#pragma once
#include "port.h"

enum conntrack_stale {
	STALE_BEFORE, /* the ports are published from now on: what was not translated is */
	STALE_AFTER,  /* they are not any more: what was translated to the container is */
};

/* Has the kernel forget the flows of these ports that lead to the wrong place. Without conntrack in the kernel there are none. */
void conntrack_forget(const struct port *ports, enum conntrack_stale stale);
