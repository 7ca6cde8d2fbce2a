/* The frame parser on a stream that is cut anywhere: what it accepts lies within the input, obeys the rules of the protocol, and is
 * the same after it was written again. */
#include <stdlib.h>
#include <string.h>
#include "fields.h"
#include "frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int holds)
{
	if (!holds)
		abort();
}

static void check_frame(const uint8_t *data, const struct frame *frame, size_t length)
{
	check(frame->payload == data + FRAME_HEADER && length == FRAME_HEADER + frame->size);
	check(frame->size <= (frame->type == FRAME_DATA ? FRAME_MAX_DATA : FRAME_MAX_PAYLOAD) && frame->stream < STREAM_COUNT);
	uint8_t header[FRAME_HEADER];
	frame_write_header(header, frame);
	header[7] = data[7]; /* reserved: ignored when read, 0 when written */
	check(memcmp(header, data, FRAME_HEADER) == 0);
}

/* A copy of exactly this size, so that the sanitizer sees a read behind its end. */
static long read_exactly(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size ? size : 1);
	if (!copy)
		return 0;
	memcpy(copy, data, size);
	struct frame frame;
	struct error err = {0};
	long length = frame_read(copy, size, &frame, &err);
	if (length > 0) {
		check((size_t)length <= size);
		check_frame(copy, &frame, (size_t)length);
	} else if (length < 0) {
		check(err.code && strcmp(err.code, "protocol") == 0 && err.message[0]);
	}
	free(copy);
	return length;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	for (size_t at = 0; at < size;) {
		long length = read_exactly(data + at, size - at);
		if (length <= 0)
			break;
		/* Cut short by one byte it is not yet a frame. */
		check(read_exactly(data + at, (size_t)length - 1) == 0);
		at += (size_t)length;
	}
	return 0;
}
