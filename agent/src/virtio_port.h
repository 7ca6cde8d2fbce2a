#pragma once
/* Opens the /dev/vportNpM that the host gave this name; -1 while there is none. */
int virtio_port_open(const char *name);
