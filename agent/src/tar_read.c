#include "tar_read.h"
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "cleanup.h"

enum { BLOCK = 512, MOST_RECORDS = 1 << 20 };

/* Makes `want` bytes (a buffer's at most) stand at buffer + start; gives how many do, fewer only at the end of the input. */
static ssize_t fill(struct tar_in *in, size_t want, struct error *err)
{
	if (in->start + want > sizeof in->buffer) {
		memmove(in->buffer, in->buffer + in->start, in->size - in->start);
		in->size -= in->start;
		in->start = 0;
	}
	while (in->size - in->start < want) {
		ssize_t count = read(in->fd, in->buffer + in->size, sizeof in->buffer - in->size);
		if (count < 0 && errno == EINTR)
			continue;
		if (count < 0)
			return fail(err, "system", errno, "reading the archive");
		if (count == 0)
			break;
		in->size += (size_t)count;
	}
	return (ssize_t)(in->size - in->start);
}

static int cut_short(struct error *err) { return fail(err, "invalid", 0, "unexpected EOF"); }
static int malformed(struct error *err) { return fail(err, "invalid", 0, "archive/tar: invalid tar header"); }

static int skip(struct tar_in *in, uint64_t count, struct error *err)
{
	while (count) {
		ssize_t have = fill(in, 1, err);
		if (have <= 0)
			return have < 0 ? -1 : cut_short(err);
		size_t part = (uint64_t)have < count ? (size_t)have : (size_t)count;
		in->start += part;
		count -= part;
	}
	return 0;
}

ssize_t tar_content(struct tar_in *in, const uint8_t **data, struct error *err)
{
	if (in->left == 0)
		return 0;
	ssize_t have = fill(in, 1, err);
	if (have <= 0)
		return have < 0 ? -1 : cut_short(err);
	size_t part = (uint64_t)have < in->left ? (size_t)have : (size_t)in->left;
	*data = in->buffer + in->start;
	in->start += part;
	in->left -= part;
	return (ssize_t)part;
}

/* Octal, ended by a space or a NUL; or, with the first bit set, the rest in base 256. */
static bool read_number(const uint8_t *field, size_t width, int64_t *number)
{
	uint64_t value = 0;
	if (field[0] & 0x80) {
		bool negative = field[0] & 0x40;
		value = negative ? ~0ULL : 0;
		for (size_t i = 0; i < width; i++) {
			uint8_t byte = i == 0 ? (uint8_t)(negative ? field[0] : field[0] & 0x7f) : field[i];
			if (width - i > 8 && byte != (negative ? 0xff : 0))
				return false;
			value = value << 8 | byte;
		}
		*number = (int64_t)value;
		return true;
	}
	size_t at = 0;
	while (at < width && field[at] == ' ')
		at++;
	for (; at < width && field[at] >= '0' && field[at] <= '7'; at++) {
		if (value >> 60)
			return false;
		value = value << 3 | (uint64_t)(field[at] - '0');
	}
	if (at < width && field[at] != ' ' && field[at] != 0)
		return false;
	*number = (int64_t)value;
	return true;
}

/* Numbers in pax records: decimal, with a sign; the rest after the digits is the caller's. */
static bool read_decimal(const char *text, int64_t *number, const char **rest)
{
	bool negative = *text == '-';
	int64_t value = 0;
	text += negative;
	if (*text < '0' || *text > '9')
		return false;
	for (; *text >= '0' && *text <= '9'; text++)
		if (__builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, *text - '0', &value))
			return false;
	*number = negative ? -value : value;
	*rest = text;
	return true;
}

/* What pax records and GNU's long names say of the entry that follows them. */
struct overrides {
	char *name, *link;
	bool has_size, has_uid, has_gid, has_mtime;
	int64_t size, uid, gid, mtime;
	uint32_t mtime_ns;
	uint8_t capability[64];
	size_t capability_size;
};

static int set_text(char **target, const char *value, size_t size, struct error *err)
{
	char *copy = memchr(value, 0, size) ? NULL : malloc(size + 1);
	if (!copy)
		return malformed(err);
	memcpy(copy, value, size);
	copy[size] = 0;
	free(*target);
	*target = copy;
	return 0;
}

static bool set_number(bool *has, int64_t *number, const char *value, const char **rest)
{
	*has = read_decimal(value, number, rest);
	return *has;
}

static bool set_time(struct overrides *overrides, const char *value)
{
	const char *rest;
	if (!set_number(&overrides->has_mtime, &overrides->mtime, value, &rest))
		return false;
	overrides->mtime_ns = 0;
	if (*rest != '.')
		return *rest == 0;
	uint32_t weight = 100000000;
	for (rest++; *rest >= '0' && *rest <= '9'; rest++, weight /= 10)
		overrides->mtime_ns += (uint32_t)(*rest - '0') * weight;
	if (overrides->mtime < 0 && overrides->mtime_ns) {
		overrides->mtime--;
		overrides->mtime_ns = 1000000000 - overrides->mtime_ns;
	}
	return *rest == 0;
}

/* `value` has `size` bytes and a NUL after them. */
static int take_record(struct overrides *overrides, const char *key, const char *value, size_t size, struct error *err)
{
	const char *rest = "";
	bool good = true;
	if (strcmp(key, "path") == 0)
		return set_text(&overrides->name, value, size, err);
	if (strcmp(key, "linkpath") == 0)
		return set_text(&overrides->link, value, size, err);
	if (strncmp(key, "GNU.sparse.", 11) == 0)
		return fail(err, "invalid", 0, "archive/tar: sparse files are not supported: write the archive without --sparse");
	if (strcmp(key, "size") == 0)
		good = set_number(&overrides->has_size, &overrides->size, value, &rest) && overrides->size >= 0;
	else if (strcmp(key, "uid") == 0)
		good = set_number(&overrides->has_uid, &overrides->uid, value, &rest);
	else if (strcmp(key, "gid") == 0)
		good = set_number(&overrides->has_gid, &overrides->gid, value, &rest);
	else if (strcmp(key, "mtime") == 0)
		good = set_time(overrides, value);
	else if (strcmp(key, "SCHILY.xattr.security.capability") == 0 && size <= sizeof overrides->capability) {
		memcpy(overrides->capability, value, size);
		overrides->capability_size = size;
	}
	return good && *rest == 0 ? 0 : malformed(err);
}

static int take_records(struct overrides *overrides, char *text, size_t size, struct error *err)
{
	while (size) {
		char *key;
		unsigned long length = strtoul(text, &key, 10);
		if (key == text || *key != ' ' || length > size || length < (size_t)(key - text) + 4 || text[length - 1] != '\n')
			return malformed(err);
		key++;
		char *end = text + length - 1, *equals = memchr(key, '=', (size_t)(end - key));
		if (!equals)
			return malformed(err);
		*equals = 0;
		*end = 0;
		if (take_record(overrides, key, equals + 1, (size_t)(end - equals - 1), err) < 0)
			return -1;
		text += length;
		size -= length;
	}
	return 0;
}

/* The content of an entry that describes the next one, with a NUL after it. */
static char *read_whole(struct tar_in *in, uint64_t size, struct error *err)
{
	if (size > MOST_RECORDS) {
		(void)malformed(err);
		return NULL;
	}
	char *text = malloc((size_t)size + 1);
	if (!text) {
		(void)fail(err, "system", errno, "memory");
		return NULL;
	}
	size_t have = 0;
	while (in->left) {
		const uint8_t *data = NULL;
		ssize_t count = tar_content(in, &data, err);
		if (count < 0) {
			free(text);
			return NULL;
		}
		memcpy(text + have, data, (size_t)count);
		have += (size_t)count;
	}
	text[size] = 0;
	return text;
}

static bool is_zero(const uint8_t *block)
{
	for (size_t i = 0; i < BLOCK; i++)
		if (block[i])
			return false;
	return true;
}

static bool checksum_fits(const uint8_t *block)
{
	int64_t wanted, of_unsigned = 0, of_signed = 0;
	for (size_t i = 0; i < BLOCK; i++) {
		uint8_t byte = i >= 148 && i < 156 ? ' ' : block[i];
		of_unsigned += byte;
		of_signed += (int8_t)byte;
	}
	return read_number(block + 148, 8, &wanted) && (wanted == of_unsigned || wanted == of_signed);
}

/* The end: whoever sends is not to meet a closed pipe. */
static int drain(struct tar_in *in, struct error *err)
{
	ssize_t have;
	while ((have = fill(in, 1, err)) > 0)
		in->start = in->size;
	return have < 0 ? -1 : 0;
}

/* The next header's block: 1, or 0 at the end of the archive. */
static int next_block(struct tar_in *in, uint8_t block[BLOCK], struct error *err)
{
	if (skip(in, in->left + in->padding, err) < 0)
		return -1;
	in->left = in->padding = 0;
	ssize_t have = fill(in, BLOCK, err);
	if (have <= 0)
		return (int)have;
	if (have < BLOCK)
		return cut_short(err);
	memcpy(block, in->buffer + in->start, BLOCK);
	in->start += BLOCK;
	if (is_zero(block))
		return drain(in, err);
	return checksum_fits(block) ? 1 : malformed(err);
}

static char *text_of(const uint8_t *field, size_t width) { return strndup((const char *)field, width); }

/* ustar's prefix, where the header is ustar's (GNU has other fields there). */
static char *name_of(const uint8_t *block)
{
	cleanup_free char *name = text_of(block, 100);
	bool ustar = memcmp(block + 257, "ustar\0", 6) == 0;
	if (!name || !ustar || !block[345])
		return STEAL_POINTER(name);
	cleanup_free char *prefix = text_of(block + 345, 155);
	char *whole = prefix ? malloc(strlen(prefix) + strlen(name) + 2) : NULL;
	if (whole) {
		(void)strcpy(whole, prefix);
		(void)strcat(strcat(whole, "/"), name);
	}
	return whole;
}

static void forget(struct overrides *overrides)
{
	free(overrides->name);
	free(overrides->link);
}

static bool has_content(char type) { return type == '0' || type == '7'; }

static int finish(struct tar_in *in, const uint8_t *block, struct overrides *overrides, struct tar_entry *entry, struct error *err)
{
	int64_t mode, uid, gid, mtime, major = 0, minor = 0;
	char type = (char)block[156];
	if (!read_number(block + 100, 8, &mode) || !read_number(block + 108, 8, &uid) || !read_number(block + 116, 8, &gid) || !read_number(block + 136, 12, &mtime))
		return malformed(err);
	if ((type == '3' || type == '4') && (!read_number(block + 329, 8, &major) || !read_number(block + 337, 8, &minor)))
		return malformed(err);
	free(in->name);
	free(in->link);
	in->name = overrides->name ? STEAL_POINTER(overrides->name) : name_of(block);
	in->link = overrides->link ? STEAL_POINTER(overrides->link) : text_of(block + 157, 100);
	if (!in->name || !in->link)
		return fail(err, "system", ENOMEM, "memory");
	size_t length = strlen(in->name);
	if (type == 0 || type == '7')
		type = '0';
	if (type == '0' && length && in->name[length - 1] == '/')
		type = '5'; /* as archives of old say it */
	*entry = (struct tar_entry){
		.name = in->name, .link = in->link, .type = type, .mode = (mode_t)(mode & 07777),
		.uid = (uid_t)(overrides->has_uid ? overrides->uid : uid), .gid = (gid_t)(overrides->has_gid ? overrides->gid : gid),
		.mtime = overrides->has_mtime ? overrides->mtime : mtime, .mtime_ns = overrides->has_mtime ? overrides->mtime_ns : 0,
		.size = has_content(type) ? in->left : 0, .major = (unsigned)major, .minor = (unsigned)minor, .capability_size = overrides->capability_size,
	};
	memcpy(entry->capability, overrides->capability, sizeof entry->capability);
	return 1;
}

/* A header whose content describes the next entry. */
static int take_description(struct tar_in *in, char type, struct overrides *overrides, struct error *err)
{
	uint64_t size = in->left;
	cleanup_free char *text = read_whole(in, size, err);
	if (!text)
		return -1;
	if (type == 'x')
		return take_records(overrides, text, (size_t)size, err);
	if (type == 'L')
		return set_text(&overrides->name, text, strlen(text), err);
	return set_text(&overrides->link, text, strlen(text), err);
}

int tar_next(struct tar_in *in, struct tar_entry *entry, struct error *err)
{
	struct overrides overrides = {0};
	uint8_t block[BLOCK];
	int result;
	while ((result = next_block(in, block, err)) > 0) {
		int64_t size;
		char type = (char)block[156];
		if (!read_number(block + 124, 12, &size) || size < 0) {
			result = malformed(err);
			break;
		}
		/* Links and their like have no content, whatever their headers say; what describes the next entry has its own. */
		bool description = type == 'x' || type == 'g' || type == 'L' || type == 'K';
		if (overrides.has_size && !description)
			size = overrides.size;
		if (type >= '1' && type <= '6')
			size = 0;
		in->left = (uint64_t)size;
		in->padding = (unsigned)((BLOCK - size % BLOCK) % BLOCK);
		if (type == 'S') {
			result = fail(err, "invalid", 0, "archive/tar: sparse files are not supported: write the archive without --sparse");
			break;
		}
		if (type == 'g')
			continue;
		if (description && take_description(in, type, &overrides, err) < 0) {
			result = -1;
			break;
		}
		if (!description) {
			result = finish(in, block, &overrides, entry, err);
			break;
		}
	}
	forget(&overrides);
	return result;
}

void tar_in_free(struct tar_in *in)
{
	free(in->name);
	free(in->link);
	in->name = in->link = NULL;
}
