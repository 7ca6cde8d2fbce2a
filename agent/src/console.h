/* What the guest's kernel and QEMU say: the last 64 KiB, in memory and in a file. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void console_open(const char *path);
void console_add(const uint8_t *data, size_t size);
/* The last lines, for a message. */
void console_tail(char *text, size_t capacity);
/* The line of a kernel panic, when there was one. */
bool console_panic(char *text, size_t capacity);
