#pragma once
#include <sys/types.h>
#include "error.h"

/* Starts the host's tar on stdin, extracting into directory, in namespaces of its own where nothing else can be written; what it
 * says goes to messages_fd. Returns its pid. */
pid_t unpack_tar_start(const char *directory, int messages_fd, struct error *err);
