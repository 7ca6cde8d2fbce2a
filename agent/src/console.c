#include "console.h"
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { KEEP = 65536, PANIC_TAIL = 8192 };

static uint8_t kept[2 * KEEP + 1];
static size_t kept_size;
static int file = -1;
static size_t file_size;

void console_open(const char *path) { file = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600); }

void console_add(const uint8_t *data, size_t size)
{
	if (size > KEEP) {
		data += size - KEEP;
		size = KEEP;
	}
	if (kept_size + size > 2 * KEEP) {
		memmove(kept, kept + kept_size - KEEP, KEEP);
		kept_size = KEEP;
	}
	memcpy(kept + kept_size, data, size);
	kept_size += size;
	kept[kept_size] = 0;
	if (file < 0)
		return;
	if (file_size + size > 2 * KEEP) {
		(void)!ftruncate(file, 0);
		(void)lseek(file, 0, SEEK_SET);
		size_t start = kept_size > KEEP ? kept_size - KEEP : 0;
		file_size = kept_size - start;
		(void)!write(file, kept + start, file_size);
	} else {
		(void)!write(file, data, size);
		file_size += size;
	}
}

static void copy_printable(char *text, size_t capacity, const uint8_t *from, size_t size)
{
	size_t used = 0;
	for (size_t i = 0; i < size && used + 1 < capacity; i++)
		text[used++] = from[i] == '\n' || (from[i] >= 0x20 && from[i] < 0x7f) ? (char)from[i] : ' ';
	while (used && (text[used - 1] == '\n' || text[used - 1] == ' '))
		used--;
	text[used] = 0;
}

void console_tail(char *text, size_t capacity)
{
	size_t size = kept_size < capacity - 1 ? kept_size : capacity - 1;
	copy_printable(text, capacity, kept + kept_size - size, size);
}

bool console_panic(char *text, size_t capacity)
{
	static const char marker[] = "Kernel panic - not syncing";
	const uint8_t *found = NULL;
	for (const uint8_t *at = kept; (at = memmem(at, kept_size - (size_t)(at - kept), marker, sizeof marker - 1)); at++)
		found = at;
	/* A panic is among the last things that a kernel says. */
	if (!found || kept_size - (size_t)(found - kept) > PANIC_TAIL)
		return false;
	const uint8_t *end = memchr(found, '\n', kept_size - (size_t)(found - kept));
	copy_printable(text, capacity, found, end ? (size_t)(end - found) : kept_size - (size_t)(found - kept));
	return true;
}
