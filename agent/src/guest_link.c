#include "guest_link.h"
#include <stdlib.h>
#include <string.h>
#include "runtime.h"
#include "shim.h"

enum { WINDOW = 262144, ACK_EVERY = 65536, HELLO_REQUEST = 1, MAX_UNDER_WAY = 4096 };

/* A client's request that the guest has not answered. */
struct forwarded {
	uint32_t id;
	struct client *client; /* NULL: it went away, or nobody waits */
	struct frame request;  /* without its payload */
	struct forwarded *next;
};

static struct connection link_connection;
static bool open_now, ready;
static struct forwarded *under_way;
static unsigned under_way_count;
static uint32_t next_id = HELLO_REQUEST;
static void (*on_lost)(const struct error *err);
static void (*on_settled)(void);

bool guest_link_ready(void) { return ready; }

void guest_link_when_ready(void (*settled)(void))
{
	on_settled = settled;
	if (ready)
		settled();
}

static void violate(const char *what)
{
	struct error err;
	fail(&err, "protocol", 0, "the guest broke the agent protocol: %s", what);
	on_lost(&err);
}

static void acknowledge(struct proc *proc, enum stream stream)
{
	if (proc->unreported[stream] < ACK_EVERY || clients_behind(proc->id))
		return;
	struct frame ack = {.type = FRAME_ACK, .stream = (uint8_t)stream, .proc = proc->id, .position = proc->position[stream]};
	proc->unreported[stream] = 0;
	connection_send(&link_connection, &ack);
}

static void drained(struct proc *proc)
{
	if (!proc->remote || !open_now)
		return;
	acknowledge(proc, STREAM_STDOUT);
	acknowledge(proc, STREAM_STDERR);
}

/* Sends of the held-back stdin what the window allows. */
static void pass_stdin(struct proc *proc)
{
	while (open_now && proc->pending_size && proc->state == PROC_RUNNING) {
		uint64_t room = WINDOW - (proc->position[STREAM_STDIN] - proc->acknowledged[STREAM_STDIN]);
		size_t size = proc->pending_size < FRAME_MAX_DATA ? proc->pending_size : FRAME_MAX_DATA;
		if (size > room)
			size = (size_t)room;
		if (size == 0)
			break;
		struct frame data = {
			.type = FRAME_DATA, .stream = STREAM_STDIN, .proc = proc->id, .position = proc->position[STREAM_STDIN], .payload = proc->pending, .size = size,
		};
		connection_send(&link_connection, &data);
		proc->position[STREAM_STDIN] += size;
		proc->pending_size -= size;
		memmove(proc->pending, proc->pending + size, proc->pending_size);
	}
	if (proc->pending_size == 0 && proc->stdin_closing && !proc->ended[STREAM_STDIN] && proc->state == PROC_RUNNING) {
		struct frame eof = {.type = FRAME_EOF, .stream = STREAM_STDIN, .proc = proc->id, .position = proc->position[STREAM_STDIN]};
		proc->ended[STREAM_STDIN] = true;
		connection_send(&link_connection, &eof);
	}
	if (proc->pending_size < STDIN_HIGH)
		clients_resume_input(proc->id);
}

static void take_stdin(struct proc *proc, const uint8_t *data, size_t size)
{
	uint8_t *grown = proc->stdin_closing ? NULL : realloc(proc->pending, proc->pending_size + size + 1);
	if (!grown)
		return;
	proc->pending = grown;
	memcpy(grown + proc->pending_size, data, size);
	proc->pending_size += size;
	pass_stdin(proc);
}

static void end_stdin(struct proc *proc)
{
	if (proc->terminal)
		return;
	proc->stdin_closing = true;
	pass_stdin(proc);
}

static void take_output(const struct frame *frame)
{
	struct proc *proc = proc_find(frame->proc);
	if (!proc || !proc->remote || proc->state != PROC_RUNNING || frame->stream == STREAM_STDIN || proc->ended[frame->stream]) {
		violate("output of a process that has none");
		return;
	}
	if (frame->position != proc->position[frame->stream]) {
		violate("output with a gap");
		return;
	}
	if (frame->type == FRAME_EOF) {
		proc->ended[frame->stream] = true;
		proc_sink->eof(proc, frame->stream);
		return;
	}
	if (proc->unreported[frame->stream] + frame->size > WINDOW) {
		violate("more output than the window allows");
		return;
	}
	proc->position[frame->stream] += frame->size;
	proc->unreported[frame->stream] += frame->size;
	proc_sink->data(proc, frame->stream, frame->payload, frame->size);
	acknowledge(proc, frame->stream);
}

static void take_ack(const struct frame *frame)
{
	struct proc *proc = proc_find(frame->proc);
	if (!proc || !proc->remote)
		return; /* of one that was released meanwhile */
	if (frame->stream != STREAM_STDIN || frame->position > proc->position[STREAM_STDIN] || frame->position < proc->acknowledged[STREAM_STDIN]) {
		violate("an acknowledgement of what was not sent");
		return;
	}
	proc->acknowledged[STREAM_STDIN] = frame->position;
	pass_stdin(proc);
}

static void finish(struct proc *proc)
{
	for (enum stream stream = STREAM_STDOUT; stream <= STREAM_STDERR; stream++) {
		if (!proc->ended[stream]) {
			proc->ended[stream] = true;
			proc_sink->eof(proc, stream);
		}
	}
	proc->state = PROC_EXITED;
	free(proc->pending);
	proc->pending = NULL;
	proc->pending_size = 0;
	clients_resume_input(proc->id);
	proc_sink->exit(proc);
}

static void take_exit(const struct frame *frame)
{
	struct fields fields = {frame->payload, frame->size};
	struct proc *proc = proc_find(frame->proc);
	if (!proc || !proc->remote || proc->state != PROC_RUNNING) {
		violate("the exit of a process that does not run");
		return;
	}
	proc->exit_code = (int)(fields_number(fields, TAG_EXIT_CODE, 255) & 0xff);
	proc->signal = (int)(fields_number(fields, TAG_SIGNAL, 0) & 0x7f);
	proc->oom = fields_number(fields, TAG_OOM, 0) == 1;
	proc->exit_time_ns = realtime_ns(); /* the host's clock, not the guest's word */
	finish(proc);
}

static bool is_start(uint8_t type) { return type == FRAME_START_PROCESS || type == FRAME_START_RUNTIME || type == FRAME_START_HELPER; }

static void process_started(struct proc *proc, struct fields fields)
{
	proc->state = PROC_RUNNING;
	proc->starting = false;
	proc->pid = (pid_t)fields_number(fields, TAG_PID, 0);
	if (proc->eof_early && (proc->stdin_once || !proc->init) && !proc->terminal)
		proc->stdin_closing = true;
	pass_stdin(proc);
}

static void take_answer(const struct frame *frame)
{
	struct fields fields = {frame->payload, frame->size};
	if (frame->request == HELLO_REQUEST && !ready) {
		ready = true;
		if (on_settled)
			on_settled();
		return;
	}
	struct forwarded **at = &under_way;
	while (*at && (*at)->id != frame->request)
		at = &(*at)->next;
	struct forwarded *forwarded = *at;
	if (!forwarded) {
		violate("an answer that nobody asked for");
		return;
	}
	*at = forwarded->next;
	under_way_count--;
	if (forwarded->client) {
		struct frame answer = *frame;
		answer.request = forwarded->request.request;
		answer.proc = forwarded->request.proc;
		connection_send(&forwarded->client->connection, &answer);
	}
	bool start = is_start(forwarded->request.type);
	struct proc *proc = start ? proc_find(forwarded->request.proc) : NULL;
	if (proc && frame->type == FRAME_OK)
		process_started(proc, fields);
	else if (proc)
		proc_forget(proc);
	free(forwarded);
}

static void on_frame(struct connection *connection, const struct frame *frame)
{
	(void)connection;
	switch (frame->type) {
	case FRAME_OK:
	case FRAME_ERROR:
		take_answer(frame);
		break;
	case FRAME_DATA:
	case FRAME_EOF:
		take_output(frame);
		break;
	case FRAME_ACK:
		take_ack(frame);
		break;
	case FRAME_EXIT:
		take_exit(frame);
		break;
	default:
		violate("a type that a guest never sends");
	}
}

static void on_close(struct connection *connection, const struct error *err)
{
	(void)connection;
	if (err)
		on_lost(err);
}

void guest_link_client_gone(const struct client *client)
{
	for (struct forwarded *forwarded = under_way; forwarded; forwarded = forwarded->next)
		if (forwarded->client == client)
			forwarded->client = NULL;
}

static void send_request(struct client *client, const struct frame *request)
{
	struct forwarded *forwarded = calloc(1, sizeof *forwarded);
	struct error err;
	if (!forwarded || under_way_count >= MAX_UNDER_WAY || !open_now) {
		free(forwarded);
		fail(&err, "gone", 0, "%s", open_now ? "too many requests to the guest are under way" : "the VM is gone");
		if (client)
			connection_refuse(&client->connection, request, &err);
		return;
	}
	if (++next_id <= HELLO_REQUEST)
		next_id = HELLO_REQUEST + 1;
	*forwarded = (struct forwarded){.id = next_id, .client = client, .request = *request, .next = under_way};
	forwarded->request.payload = NULL;
	under_way = forwarded;
	under_way_count++;
	struct frame frame = *request;
	frame.request = next_id;
	connection_send(&link_connection, &frame);
}

void guest_link_open(int fd, void (*lost)(const struct error *err))
{
	on_lost = lost;
	open_now = true;
	client_remote_stdin = take_stdin;
	client_remote_eof = end_stdin;
	client_drained = drained;
	link_connection.on_frame = on_frame;
	link_connection.on_close = on_close;
	connection_init(&link_connection, fd);
	struct builder fields = {0};
	builder_number(&fields, TAG_SESSION, realtime_ns());
	struct frame hello = {.type = FRAME_HELLO, .request = HELLO_REQUEST, .payload = fields.data, .size = fields.size};
	connection_send(&link_connection, &hello);
	builder_free(&fields);
}

void guest_link_close(void)
{
	if (!open_now)
		return;
	open_now = ready = false;
	connection_destroy(&link_connection);
	while (under_way) {
		struct forwarded *forwarded = under_way;
		under_way = forwarded->next;
		struct error err;
		fail(&err, "gone", 0, "the VM ended before it answered");
		if (forwarded->client)
			connection_refuse(&forwarded->client->connection, &forwarded->request, &err);
		bool start = is_start(forwarded->request.type);
		struct proc *proc = start ? proc_find(forwarded->request.proc) : NULL;
		if (proc && proc->state == PROC_EXPECTED)
			proc_forget(proc);
		free(forwarded);
	}
	under_way_count = 0;
	if (on_settled)
		on_settled();
}

/* A START_* gets its table entry, log and exit record here, on the host. */
static int expect_process(const struct frame *request, struct error *err)
{
	struct fields fields = {request->payload, request->size};
	struct proc *proc = proc_obtain(request->proc);
	if (!proc || request->proc == 0 || proc->state != PROC_EXPECTED || proc->starting)
		return fail(err, "invalid", 0, "process %u cannot be started: in use, or no memory", request->proc);
	proc->helper = request->type == FRAME_START_HELPER;
	proc->init = !proc->helper && fields_number(fields, TAG_JOIN, 0) == 0;
	if (proc_configure(proc, fields, err) < 0) {
		proc_forget(proc);
		return -1;
	}
	proc->starting = proc->remote = true;
	return 0;
}

void guest_link_forward(struct client *client, const struct frame *request)
{
	struct error err;
	bool start = is_start(request->type);
	if (start && open_now && expect_process(request, &err) < 0) {
		connection_refuse(&client->connection, request, &err);
		return;
	}
	send_request(client, request);
}

void guest_link_tell(uint8_t type, uint32_t proc, struct builder *fields)
{
	struct frame frame = {.type = type, .proc = proc, .payload = fields->data, .size = fields->size};
	send_request(NULL, &frame);
	builder_free(fields);
}

void guest_link_end_processes(void)
{
	struct proc *next;
	for (struct proc *proc = proc_first(); proc; proc = next) {
		next = proc->next;
		if (!proc->remote || proc->state != PROC_RUNNING)
			continue;
		proc->exit_code = 137;
		proc->signal = 9;
		proc->exit_time_ns = realtime_ns();
		finish(proc);
	}
}
