#include "connection.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void update(struct connection *connection)
{
	if (connection->dead)
		return;
	loop_watch(&connection->watch, (connection->reading ? EPOLLIN : 0) | (connection->out_size ? EPOLLOUT : 0));
}

static void close_with(struct connection *connection, const struct error *err)
{
	if (connection->dead)
		return;
	connection->dead = true;
	loop_forget(&connection->watch);
	connection->on_close(connection, err);
}

static bool reserve(uint8_t **data, size_t *capacity, size_t needed)
{
	if (needed <= *capacity)
		return true;
	size_t grown = needed < 4096 ? 4096 : needed * 2;
	uint8_t *bytes = realloc(*data, grown);
	if (!bytes)
		return false;
	*data = bytes;
	*capacity = grown;
	return true;
}

/* True while the connection lives. */
static bool deliver(struct connection *connection)
{
	size_t at = 0;
	connection->in_callback = true;
	while (!connection->dead && connection->reading) {
		struct frame frame;
		struct error err;
		long length = frame_read(connection->in + at, connection->in_size - at, &frame, &err);
		if (length < 0) {
			close_with(connection, &err);
			return false;
		}
		if (length == 0)
			break;
		at += (size_t)length;
		connection->on_frame(connection, &frame);
	}
	connection->in_callback = false;
	if (!connection->dead && connection->out_size)
		connection_flush(connection);
	if (connection->dead)
		return false;
	memmove(connection->in, connection->in + at, connection->in_size - at);
	connection->in_size -= at;
	return true;
}

static void receive(struct connection *connection)
{
	if (!reserve(&connection->in, &connection->in_capacity, connection->in_size + 65536)) {
		close_with(connection, NULL);
		return;
	}
	ssize_t count = read(connection->watch.fd, connection->in + connection->in_size, 65536);
	if (count < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (count <= 0) {
		close_with(connection, NULL);
		return;
	}
	connection->in_size += (size_t)count;
	(void)deliver(connection);
}

void connection_flush(struct connection *connection)
{
	bool above = connection->out_size >= CONNECTION_LOW;
	while (connection->out_size && !connection->dead) {
		ssize_t count = write(connection->watch.fd, connection->out + connection->out_start, connection->out_size);
		if (count < 0) {
			if (errno == EINTR)
				continue;
			if (errno != EAGAIN)
				close_with(connection, NULL);
			break;
		}
		connection->out_start += (size_t)count;
		connection->out_size -= (size_t)count;
	}
	if (connection->dead)
		return;
	if (!connection->out_size) {
		connection->out_start = 0;
		if (connection->out_capacity > CONNECTION_HIGH) { /* a burst is over: give its memory back */
			free(connection->out);
			connection->out = NULL;
			connection->out_capacity = 0;
		}
	}
	update(connection);
	if (above && connection->out_size < CONNECTION_LOW && connection->on_drain)
		connection->on_drain(connection);
}

static void ready(struct watch *watch, uint32_t events)
{
	struct connection *connection = watch->owner;
	if (events & EPOLLOUT)
		connection_flush(connection);
	if (!connection->dead && (events & (EPOLLIN | EPOLLHUP | EPOLLERR))) {
		if (connection->reading)
			receive(connection);
		else if (events & (EPOLLHUP | EPOLLERR))
			close_with(connection, NULL);
	}
}

void connection_init(struct connection *connection, int fd)
{
	connection->watch = (struct watch){.fd = fd, .ready = ready, .owner = connection};
	connection->reading = true;
	update(connection);
}

void connection_send(struct connection *connection, const struct frame *frame)
{
	if (connection->dead)
		return;
	if (connection->out_start && connection->out_start >= connection->out_size) {
		memmove(connection->out, connection->out + connection->out_start, connection->out_size);
		connection->out_start = 0;
	}
	size_t end = connection->out_start + connection->out_size;
	if (!reserve(&connection->out, &connection->out_capacity, end + FRAME_HEADER + frame->size)) {
		close_with(connection, NULL); /* it cannot be left with a gap */
		return;
	}
	frame_write_header(connection->out + end, frame);
	if (frame->size)
		memcpy(connection->out + end + FRAME_HEADER, frame->payload, frame->size);
	bool idle = connection->out_size == 0;
	connection->out_size += FRAME_HEADER + frame->size;
	/* Answers to frames that came together leave together: over virtio each write costs an interrupt or two. */
	if (idle && !connection->in_callback)
		connection_flush(connection);
}

void connection_answer(struct connection *connection, const struct frame *request, struct builder *answer)
{
	struct frame frame = {.type = FRAME_OK, .proc = request->proc, .request = request->request, .payload = answer->data, .size = answer->size};
	connection_send(connection, &frame);
	builder_free(answer);
}

void connection_refuse(struct connection *connection, const struct frame *request, const struct error *err)
{
	struct builder answer = {0};
	builder_string(&answer, TAG_CODE, err->code);
	builder_string(&answer, TAG_MESSAGE, err->message);
	builder_number(&answer, TAG_ERRNO, (uint64_t)err->saved_errno);
	struct frame frame = {.type = FRAME_ERROR, .proc = request->proc, .request = request->request, .payload = answer.data, .size = answer.size};
	connection_send(connection, &frame);
	builder_free(&answer);
}

size_t connection_queued(const struct connection *connection) { return connection->out_size; }

void connection_read(struct connection *connection, bool reading)
{
	if (connection->reading == reading || connection->dead)
		return;
	connection->reading = reading;
	update(connection);
	if (reading && connection->in_size && !connection->in_callback)
		(void)deliver(connection);
}

void connection_destroy(struct connection *connection)
{
	loop_forget(&connection->watch);
	if (connection->watch.fd >= 0)
		(void)close(connection->watch.fd);
	connection->watch.fd = -1;
	connection->dead = true;
	free(connection->in);
	free(connection->out);
	connection->in = connection->out = NULL;
}
