#include "fields.h"
#include <stdlib.h>
#include <string.h>

enum { HEADER = 8 };

static uint16_t read_u16(const uint8_t *p) { return (uint16_t)(p[0] | p[1] << 8); }
uint32_t bytes_u32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

int fields_check(struct fields fields, struct error *err)
{
	for (size_t at = 0; at < fields.size;) {
		if (fields.size - at < HEADER)
			return fail(err, "protocol", 0, "a field is cut short");
		uint32_t length = bytes_u32(fields.data + at + 4);
		if (length > fields.size - at - HEADER)
			return fail(err, "protocol", 0, "a field is longer than its frame");
		at += HEADER + length;
	}
	return 0;
}

bool fields_next(struct fields fields, uint16_t tag, size_t *cursor, struct value *value)
{
	while (*cursor < fields.size) {
		const uint8_t *head = fields.data + *cursor;
		uint32_t length = bytes_u32(head + 4);
		*cursor += HEADER + length;
		if (read_u16(head) == tag) {
			*value = (struct value){head + HEADER, length};
			return true;
		}
	}
	return false;
}

struct value fields_get(struct fields fields, uint16_t tag)
{
	size_t cursor = 0;
	struct value value = {NULL, 0};
	(void)fields_next(fields, tag, &cursor, &value);
	return value;
}

size_t fields_count(struct fields fields, uint16_t tag)
{
	size_t cursor = 0, count = 0;
	struct value value;
	while (fields_next(fields, tag, &cursor, &value))
		count++;
	return count;
}

uint64_t fields_number(struct fields fields, uint16_t tag, uint64_t fallback)
{
	struct value value = fields_get(fields, tag);
	if (!value.data || value.size != 8)
		return fallback;
	return (uint64_t)bytes_u32(value.data) | (uint64_t)bytes_u32(value.data + 4) << 32;
}

char *value_string(struct value value)
{
	if (!value.data || memchr(value.data, 0, value.size))
		return NULL;
	char *copy = malloc(value.size + 1);
	if (!copy)
		return NULL;
	memcpy(copy, value.data, value.size);
	copy[value.size] = 0;
	return copy;
}

char *fields_string(struct fields fields, uint16_t tag) { return value_string(fields_get(fields, tag)); }

char **fields_strings(struct fields fields, uint16_t tag)
{
	size_t count = 0, bytes = 0, cursor = 0;
	struct value value;
	while (fields_next(fields, tag, &cursor, &value)) {
		if (memchr(value.data, 0, value.size))
			return NULL;
		count++;
		bytes += value.size + 1;
	}
	char **list = malloc((count + 1) * sizeof *list + bytes);
	if (!list)
		return NULL;
	char *text = (char *)(list + count + 1);
	cursor = 0;
	for (size_t i = 0; fields_next(fields, tag, &cursor, &value); i++) {
		list[i] = text;
		memcpy(text, value.data, value.size);
		text[value.size] = 0;
		text += value.size + 1;
	}
	list[count] = NULL;
	return list;
}

void builder_bytes(struct builder *builder, uint16_t tag, const void *data, size_t size)
{
	size_t needed = builder->size + HEADER + size;
	if (size > UINT32_MAX || builder->failed) {
		builder->failed = true;
		return;
	}
	if (needed > builder->capacity) {
		size_t capacity = needed * 2;
		uint8_t *grown = realloc(builder->data, capacity);
		if (!grown) {
			builder->failed = true;
			return;
		}
		builder->data = grown;
		builder->capacity = capacity;
	}
	uint8_t *p = builder->data + builder->size;
	p[0] = (uint8_t)tag;
	p[1] = (uint8_t)(tag >> 8);
	p[2] = p[3] = 0;
	for (int i = 0; i < 4; i++)
		p[4 + i] = (uint8_t)(size >> (8 * i));
	if (size > 0)
		memcpy(p + HEADER, data, size);
	builder->size = needed;
}

void builder_string(struct builder *builder, uint16_t tag, const char *string)
{
	builder_bytes(builder, tag, string, strlen(string));
}

void builder_number(struct builder *builder, uint16_t tag, uint64_t number)
{
	uint8_t bytes[8];
	for (int i = 0; i < 8; i++)
		bytes[i] = (uint8_t)(number >> (8 * i));
	builder_bytes(builder, tag, bytes, sizeof bytes);
}

void builder_free(struct builder *builder)
{
	free(builder->data);
	*builder = (struct builder){0};
}
