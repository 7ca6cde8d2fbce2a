#pragma once
/* The port keeper: holds the published ports of a daemon's containers and relays what address translation cannot bring to them (loopback,
 * IPv6, containers through the host's address). Outlives the daemon; ends when nobody is connected and nothing is held. Serves descriptor 3
 * and whoever connects to the socket at `path`. Returns the process's exit status. */
int ports_main(const char *path);
