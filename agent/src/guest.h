#pragma once
/* The guest's agent: PID 1 of a VM (socket_path NULL), or a process of the host for tests. Returns only in tests. */
int guest_main(const char *socket_path);
