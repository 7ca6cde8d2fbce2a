/* A stream of frames over one descriptor, with a queue for what the other side has not taken yet. */
#pragma once
#include <stdbool.h>
#include "fields.h"
#include "frame.h"
#include "loop.h"

struct connection {
	struct watch watch;
	uint8_t *in;
	size_t in_size, in_capacity;
	uint8_t *out;
	size_t out_start, out_size, out_capacity;
	bool reading, dead, in_callback;
	/* Called for each whole frame; the payload lives until it returns. */
	void (*on_frame)(struct connection *connection, const struct frame *frame);
	/* The other side is gone or broke the rules; err is NULL for a plain end. Called once, from within any call here: what it frees, it
	 * frees by loop_defer. */
	void (*on_close)(struct connection *connection, const struct error *err);
	/* The queue fell below CONNECTION_LOW. */
	void (*on_drain)(struct connection *connection);
	void *owner;
};

enum { CONNECTION_HIGH = 1 << 20, CONNECTION_LOW = 1 << 19 };

void connection_init(struct connection *connection, int fd);
/* Queues and, when nothing is queued, writes at once. */
void connection_send(struct connection *connection, const struct frame *frame);
void connection_answer(struct connection *connection, const struct frame *request, struct builder *answer);
void connection_refuse(struct connection *connection, const struct frame *request, const struct error *err);
size_t connection_queued(const struct connection *connection);
/* Stops or resumes taking bytes from the other side. */
void connection_read(struct connection *connection, bool reading);
/* Tries to write all that is queued now, without waiting. */
void connection_flush(struct connection *connection);
void connection_destroy(struct connection *connection);
