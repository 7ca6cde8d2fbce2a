#pragma once
#include <stddef.h>
#include <stdint.h>

/* All of it, to a descriptor that blocks; -1 with errno. */
int write_all(int fd, const uint8_t *data, size_t size);
