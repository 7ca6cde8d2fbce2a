#include "tar_write.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include "cleanup.h"

enum { BLOCK = 512, NAME = 100 };

struct header {
	char name[NAME], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8], type, link[NAME];
	char magic[6], version[2], user[32], group[32], major[8], minor[8], prefix[155], padding[12];
};
_Static_assert(sizeof(struct header) == BLOCK, "a tar header is a block");

static int flush(struct tar_out *out, struct error *err)
{
	for (size_t at = 0; at < out->size;) {
		ssize_t count = write(out->fd, out->buffer + at, out->size - at);
		if (count < 0 && errno == EINTR)
			continue;
		if (count < 0)
			return fail(err, "system", errno, "writing the archive");
		at += (size_t)count;
	}
	out->size = 0;
	return 0;
}

int tar_write(struct tar_out *out, const void *data, size_t size, struct error *err)
{
	const uint8_t *at = data;
	while (size) {
		size_t part = sizeof out->buffer - out->size < size ? sizeof out->buffer - out->size : size;
		memcpy(out->buffer + out->size, at, part);
		out->size += part;
		at += part;
		size -= part;
		if (out->size == sizeof out->buffer && flush(out, err) < 0)
			return -1;
	}
	return 0;
}

int tar_write_padding(struct tar_out *out, uint64_t content, struct error *err)
{
	static const uint8_t zero[BLOCK];
	return tar_write(out, zero, (size_t)((BLOCK - content % BLOCK) % BLOCK), err);
}

int tar_write_end(struct tar_out *out, struct error *err)
{
	static const uint8_t zero[2 * BLOCK];
	return tar_write(out, zero, sizeof zero, err) < 0 ? -1 : flush(out, err);
}

/* Whether the number fits; if not, a pax record has it, and the field is zero. */
static int put_octal(char *field, size_t width, uint64_t number)
{
	bool fits = number < (uint64_t)1 << (3 * (width - 1));
	(void)snprintf(field, width, "%0*llo", (int)width - 1, fits ? (unsigned long long)number : 0ULL);
	return fits;
}

struct records {
	char *text;
	size_t size;
	bool failed;
};

/* "LENGTH KEY=VALUE\n", where the length counts its own digits. */
static void add_record(struct records *records, const char *key, const void *value, size_t size)
{
	size_t rest = strlen(key) + size + 3, length = rest, before;
	do {
		before = length;
		length = rest + (size_t)snprintf(NULL, 0, "%zu", before);
	} while (length != before);
	char *grown = realloc(records->text, records->size + length + 32);
	if (!grown) {
		records->failed = true;
		return;
	}
	records->text = grown;
	size_t head = (size_t)sprintf(grown + records->size, "%zu %s=", length, key);
	memcpy(grown + records->size + head, value, size);
	grown[records->size + head + size] = '\n';
	records->size += head + size + 1;
}

static void add_number(struct records *records, const char *key, long long number)
{
	char text[24];
	add_record(records, key, text, (size_t)snprintf(text, sizeof text, "%lld", number));
}

static void seal(struct header *header)
{
	unsigned sum = 0;
	memset(header->checksum, ' ', sizeof header->checksum);
	for (size_t i = 0; i < sizeof *header; i++)
		sum += ((uint8_t *)header)[i];
	(void)snprintf(header->checksum, sizeof header->checksum, "%06o", sum);
	header->checksum[7] = ' ';
}

static void begin(struct header *header, char type)
{
	memset(header, 0, sizeof *header);
	header->type = type;
	memcpy(header->magic, "ustar", 6);
	memcpy(header->version, "00", 2);
}

static int write_records(struct tar_out *out, const struct records *records, struct error *err)
{
	struct header header;
	begin(&header, 'x');
	(void)strcpy(header.name, "PaxHeaders.0");
	(void)put_octal(header.mode, sizeof header.mode, 0644);
	(void)put_octal(header.uid, sizeof header.uid, 0);
	(void)put_octal(header.gid, sizeof header.gid, 0);
	(void)put_octal(header.size, sizeof header.size, records->size);
	(void)put_octal(header.mtime, sizeof header.mtime, 0);
	seal(&header);
	if (tar_write(out, &header, sizeof header, err) < 0 || tar_write(out, records->text, records->size, err) < 0)
		return -1;
	return tar_write_padding(out, records->size, err);
}

static void put_name(struct records *records, const char *key, char field[NAME], const char *name)
{
	size_t length = strlen(name);
	memcpy(field, name, length < NAME ? length : NAME - 1);
	if (length > NAME - 1)
		add_record(records, key, name, length);
}

int tar_write_header(struct tar_out *out, const struct tar_member *member, struct error *err)
{
	struct header header;
	struct records records = {0};
	const struct stat *info = member->info;
	begin(&header, member->type);
	put_name(&records, "path", header.name, member->name);
	put_name(&records, "linkpath", header.link, member->link);
	(void)put_octal(header.mode, sizeof header.mode, info->st_mode & 07777);
	if (!put_octal(header.uid, sizeof header.uid, info->st_uid))
		add_number(&records, "uid", info->st_uid);
	if (!put_octal(header.gid, sizeof header.gid, info->st_gid))
		add_number(&records, "gid", info->st_gid);
	if (!put_octal(header.size, sizeof header.size, member->content))
		add_number(&records, "size", (long long)member->content);
	if (info->st_mtime < 0 || !put_octal(header.mtime, sizeof header.mtime, (uint64_t)info->st_mtime)) {
		(void)put_octal(header.mtime, sizeof header.mtime, 0);
		add_number(&records, "mtime", info->st_mtime);
	}
	if (member->type == '3' || member->type == '4') {
		(void)put_octal(header.major, sizeof header.major, major(info->st_rdev));
		(void)put_octal(header.minor, sizeof header.minor, minor(info->st_rdev));
	}
	if (member->capability)
		add_record(&records, "SCHILY.xattr.security.capability", member->capability, member->capability_size);
	seal(&header);
	cleanup_free char *text = records.text;
	if (records.failed)
		return fail(err, "system", ENOMEM, "the archive");
	if (records.size && write_records(out, &records, err) < 0)
		return -1;
	return tar_write(out, &header, sizeof header, err);
}
