/* Lists of fields: a checked list is walked within its bounds by every reader, and a list that is built again from what was read
 * reads the same. */
#include "fields.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int holds)
{
	if (!holds)
		abort();
}

static int within(struct fields fields, struct value value)
{
	return value.data >= fields.data && value.size <= fields.size && (size_t)(value.data - fields.data) <= fields.size - value.size;
}

static void check_strings(struct fields fields, uint16_t tag)
{
	char *first = fields_string(fields, tag);
	char **all = fields_strings(fields, tag);
	if (all) {
		size_t count = 0;
		while (all[count])
			count++;
		check(count == fields_count(fields, tag));
		check(count == 0 ? !first : first && strcmp(first, all[0]) == 0);
	}
	free(first);
	free(all);
}

static void check_tag(struct fields fields, uint16_t tag)
{
	struct value value, first = fields_get(fields, tag);
	struct builder builder = {0};
	struct error err = {0};
	size_t cursor = 0, count = 0;
	while (fields_next(fields, tag, &cursor, &value)) {
		check(within(fields, value));
		check(count++ > 0 || (first.data == value.data && first.size == value.size));
		builder_bytes(&builder, tag, value.data, value.size);
	}
	check(count == fields_count(fields, tag) && (count > 0) == (first.data != NULL));
	struct fields built = {builder.data, builder.size};
	check(!builder.failed && fields_check(built, &err) == 0 && fields_count(built, tag) == count);
	check(fields_number(built, tag, 42) == fields_number(fields, tag, 42));
	check_strings(fields, tag);
	builder_free(&builder);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size ? size : 1);
	if (!copy)
		return 0;
	memcpy(copy, data, size);
	struct fields fields = {copy, size};
	struct error err = {0};
	if (fields_check(fields, &err) == 0) {
		for (uint16_t tag = 0; tag < 100; tag++)
			check_tag(fields, tag);
		check_tag(fields, 0xffff);
	} else {
		check(err.code && strcmp(err.code, "protocol") == 0 && err.message[0]);
	}
	free(copy);
	return 0;
}
