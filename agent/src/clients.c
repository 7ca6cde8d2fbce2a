#include "clients.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "exit_record.h"
#include "log_file.h"
#include "runtime.h"
#include "shim.h"

static struct client *clients;
static void (*on_client_request)(struct client *client, const struct frame *frame);
void (*client_gone)(const struct client *client);
void (*client_remote_stdin)(struct proc *proc, const uint8_t *data, size_t size);
void (*client_remote_eof)(struct proc *proc);
void (*client_drained)(struct proc *proc);

static bool input_is_full(const struct proc *proc)
{
	return proc->pending_size >= STDIN_HIGH;
}

static void end_input(struct proc *proc)
{
	if (proc->remote && proc->state == PROC_RUNNING)
		client_remote_eof(proc);
	else
		proc_end_stdin(proc);
}

static void take_input(struct client *client, const struct frame *frame)
{
	struct proc *proc = proc_find(client->attached);
	if (!proc || !(client->streams & 1) || frame->stream != STREAM_STDIN || frame->proc != client->attached)
		return;
	if (frame->type == FRAME_EOF) {
		client->input_ended = true;
		if (proc->state == PROC_EXPECTED)
			proc->eof_early = true;
		else if (proc->stdin_once || !proc->init)
			end_input(proc);
		return;
	}
	if (proc->remote && proc->state == PROC_RUNNING)
		client_remote_stdin(proc, frame->payload, frame->size);
	else
		proc_write_stdin(proc, frame->payload, frame->size);
	if (input_is_full(proc))
		connection_read(&client->connection, false);
}

static void on_frame(struct connection *connection, const struct frame *frame)
{
	struct client *client = connection->owner;
	if (frame->type == FRAME_DATA || frame->type == FRAME_EOF)
		take_input(client, frame);
	else
		on_client_request(client, frame);
}

static void destroy(void *argument)
{
	struct client *client = argument;
	connection_destroy(&client->connection);
	free(client);
}

static void on_close(struct connection *connection, const struct error *err)
{
	(void)err;
	struct client *client = connection->owner;
	for (struct client **at = &clients; *at; at = &(*at)->next) {
		if (*at == client) {
			*at = client->next;
			break;
		}
	}
	runtime_client_gone(connection);
	if (client_gone)
		client_gone(client);
	struct proc *proc = client->attached ? proc_find(client->attached) : NULL;
	if (proc) {
		if (proc->state == PROC_EXPECTED && !proc->starting) {
			bool others = false;
			for (struct client *other = clients; other; other = other->next)
				others |= other->attached == proc->id;
			if (!others)
				proc_forget(proc);
		} else {
			if ((client->streams & 1) && (proc->stdin_once || !proc->init) && !client->input_ended)
				end_input(proc);
			proc_resume(proc);
			if (client_drained)
				client_drained(proc);
		}
	}
	loop_defer(destroy, client);
}

static void on_drain(struct connection *connection)
{
	struct client *client = connection->owner;
	struct proc *proc = client->attached ? proc_find(client->attached) : NULL;
	if (!proc)
		return;
	proc_resume(proc);
	if (client_drained)
		client_drained(proc);
}

struct client *client_accept(int fd, void (*on_request)(struct client *client, const struct frame *frame))
{
	struct client *client = calloc(1, sizeof *client);
	if (!client) {
		(void)close(fd);
		return NULL;
	}
	on_client_request = on_request;
	client->connection.owner = client;
	client->connection.on_frame = on_frame;
	client->connection.on_close = on_close;
	client->connection.on_drain = on_drain;
	client->next = clients;
	clients = client;
	connection_init(&client->connection, fd);
	return client;
}

static struct builder exit_fields(const struct proc *proc)
{
	struct builder fields = {0};
	builder_number(&fields, TAG_EXIT_CODE, (uint64_t)proc->exit_code);
	builder_number(&fields, TAG_SIGNAL, (uint64_t)proc->signal);
	builder_number(&fields, TAG_OOM, proc->oom);
	builder_number(&fields, TAG_TIME, proc->exit_time_ns);
	return fields;
}

void client_attach(struct client *client, const struct frame *request)
{
	struct error err;
	struct fields fields = {request->payload, request->size};
	struct proc *proc = client->attached || request->proc == 0 ? NULL : proc_obtain(request->proc);
	if (!proc) {
		fail(&err, "invalid", 0, "one connection attaches to one process");
		connection_refuse(&client->connection, request, &err);
		return;
	}
	client->attached = request->proc;
	client->streams = (unsigned)fields_number(fields, TAG_STREAMS, 7);
	struct builder answer = {0};
	connection_answer(&client->connection, request, &answer);
	/* Of a stream that ended nothing will come any more: say so. */
	for (uint8_t stream = STREAM_STDOUT; stream <= STREAM_STDERR; stream++) {
		if (!proc->ended[stream] || !(client->streams & 1u << stream))
			continue;
		struct frame eof = {.type = FRAME_EOF, .stream = stream, .proc = proc->id, .position = proc->position[stream]};
		connection_send(&client->connection, &eof);
	}
	if (proc->state != PROC_EXITED)
		return;
	struct builder ending = exit_fields(proc);
	struct frame exit = {.type = FRAME_EXIT, .proc = proc->id, .payload = ending.data, .size = ending.size};
	connection_send(&client->connection, &exit);
	builder_free(&ending);
}

void clients_send(uint32_t proc, unsigned stream_bit, const struct frame *frame)
{
	struct client *next;
	for (struct client *client = clients; client; client = next) {
		next = client->next;
		bool wanted = stream_bit ? client->attached == proc && proc && (client->streams & stream_bit) : client->attached == 0 || (proc && client->attached == proc);
		if (wanted)
			connection_send(&client->connection, frame);
	}
}

bool clients_behind(uint32_t proc)
{
	for (struct client *client = clients; client; client = client->next)
		if (client->attached == proc && connection_queued(&client->connection) >= CONNECTION_HIGH)
			return true;
	return false;
}

void clients_resume_input(uint32_t proc)
{
	for (struct client *client = clients; client; client = client->next)
		if (client->attached == proc)
			connection_read(&client->connection, true);
}

bool clients_connected(void) { return clients != NULL; }

bool clients_flush(void)
{
	struct client *next;
	bool left = false;
	for (struct client *client = clients; client; client = next) {
		next = client->next;
		connection_flush(&client->connection);
	}
	for (struct client *client = clients; client; client = client->next)
		left |= connection_queued(&client->connection) > 0;
	return left;
}

static void send_data(struct proc *proc, enum stream stream, const uint8_t *data, size_t size)
{
	if (proc->log)
		log_file_write(proc->log, stream, data, size);
	struct frame frame = {
		.type = FRAME_DATA, .stream = (uint8_t)stream, .proc = proc->id, .position = proc->position[stream] - size, .payload = data, .size = size,
	};
	clients_send(proc->id, 1u << stream, &frame);
}

static void send_eof(struct proc *proc, enum stream stream)
{
	if (proc->log)
		log_file_flush(proc->log, stream);
	struct frame frame = {.type = FRAME_EOF, .stream = (uint8_t)stream, .proc = proc->id, .position = proc->position[stream]};
	clients_send(proc->id, 1u << stream, &frame);
}

static void announce_exit(struct proc *proc)
{
	struct builder fields = exit_fields(proc);
	struct frame frame = {.type = FRAME_EXIT, .proc = proc->id, .payload = fields.data, .size = fields.size};
	clients_send(proc->id, 0, &frame);
	builder_free(&fields);
}

static void forget_helper(void *argument)
{
	proc_forget(argument);
	shim_check_idle();
}

static void send_exit(struct proc *proc)
{
	exit_record_write(proc);
	announce_exit(proc);
	if (!proc->remote)
		runtime_cleanup(proc);
	if (proc->helper)
		loop_defer(forget_helper, proc);
	shim_check_idle();
}

static size_t room(struct proc *proc, enum stream stream)
{
	(void)stream;
	return clients_behind(proc->id) ? 0 : FRAME_MAX_DATA;
}

static void consumed(struct proc *proc, size_t size)
{
	(void)size;
	if (!input_is_full(proc))
		clients_resume_input(proc->id);
}

const struct sink client_sink = {.keeps_records = true, .data = send_data, .eof = send_eof, .exit = send_exit, .room = room, .consumed = consumed};
