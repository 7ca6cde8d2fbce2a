#include "frame.h"
#include "fields.h"

static uint64_t read_number(const uint8_t *p, int bytes)
{
	uint64_t number = 0;
	for (int i = bytes - 1; i >= 0; i--)
		number = number << 8 | p[i];
	return number;
}

static void write_number(uint8_t *p, uint64_t number, int bytes)
{
	for (int i = 0; i < bytes; i++)
		p[i] = (uint8_t)(number >> (8 * i));
}

long frame_read(const uint8_t *data, size_t size, struct frame *frame, struct error *err)
{
	if (size < FRAME_HEADER)
		return 0;
	size_t length = (size_t)read_number(data, 4);
	if (data[4] != FRAME_VERSION)
		return fail(err, "protocol", 0, "version %u, expected %u", data[4], FRAME_VERSION);
	if (length > FRAME_MAX_PAYLOAD || (data[5] == FRAME_DATA && length > FRAME_MAX_DATA))
		return fail(err, "protocol", 0, "a frame of %zu bytes", length);
	if (data[6] >= STREAM_COUNT)
		return fail(err, "protocol", 0, "stream %u", data[6]);
	if (size < FRAME_HEADER + length)
		return 0;
	*frame = (struct frame){
		.type = data[5],
		.stream = data[6],
		.proc = (uint32_t)read_number(data + 8, 4),
		.request = (uint32_t)read_number(data + 12, 4),
		.position = read_number(data + 16, 8),
		.payload = data + FRAME_HEADER,
		.size = length,
	};
	if (frame->type != FRAME_DATA && fields_check((struct fields){frame->payload, length}, err) < 0)
		return -1;
	return (long)(FRAME_HEADER + length);
}

void frame_write_header(uint8_t header[FRAME_HEADER], const struct frame *frame)
{
	write_number(header, frame->size, 4);
	header[4] = FRAME_VERSION;
	header[5] = frame->type;
	header[6] = frame->stream;
	header[7] = 0;
	write_number(header + 8, frame->proc, 4);
	write_number(header + 12, frame->request, 4);
	write_number(header + 16, frame->position, 8);
}
