#include "ports.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include "cleanup.h"
#include "connection.h"
#include "conntrack.h"
#include "port_request.h"
#include "ports_confine.h"
#include "translate.h"

/* Where the daemon that began this process talks to it. */
enum { SERVED = 3, BACKLOG = 8 };

/* A container with its ports. */
struct holder {
	char *name;
	struct port *ports;
	struct holder *next;
};

static struct holder *holders;
static unsigned daemons;
static struct watch listener;
static const char *socket_path;

static void end_if_idle(void)
{
	if (!holders && daemons == 0)
		loop_stop();
}

static struct holder **find(const char *name)
{
	struct holder **at = &holders;
	while (*at && strcmp((*at)->name, name) != 0)
		at = &(*at)->next;
	return at;
}

static void release(struct holder **at)
{
	struct holder *holder = *at;
	*at = holder->next;
	conntrack_forget(holder->ports, STALE_AFTER); /* the kernel does not translate them any more */
	for (struct port *port = holder->ports, *next; port; port = next) {
		next = port->next;
		port_close(port);
	}
	free(holder->name);
	free(holder);
}

static void describe(const struct holder *holder, struct builder *answer)
{
	char line[160];
	for (const struct port *port = holder->ports; port; port = port->next) {
		port_describe(port, line, sizeof line);
		builder_string(answer, TAG_PORT, line);
	}
}

static int open_all(struct fields request, struct holder *holder, struct error *err)
{
	size_t cursor = 0;
	struct value value;
	while (fields_next(request, TAG_PORT, &cursor, &value)) {
		cleanup_free char *line = value_string(value);
		struct port_request wanted;
		if (!line)
			return fail(err, "invalid", 0, "PORT holds a NUL");
		if (port_request_parse(line, &wanted, err) < 0 || port_request_open(&wanted, &holder->ports, err) < 0)
			return -1;
	}
	return 0;
}

/* Where the request names a table. What the kernel refuses is answered: the table was taken away, and the daemon makes it anew. */
static void tell_kernel(struct fields request, const struct holder *holder, enum translation translation, struct builder *answer)
{
	cleanup_free char *table = fields_string(request, TAG_TARGET);
	int result = table ? translate_ports(table, holder->ports, translation) : 0;
	if (result < 0)
		builder_number(answer, TAG_ERRNO, (uint64_t)-result);
}

/* All that is asked for or nothing. */
static int hold(struct fields request, struct builder *answer, struct error *err)
{
	cleanup_free char *name = fields_string(request, TAG_CONTAINER);
	if (!name)
		return fail(err, "invalid", 0, "PORTS_OPEN without CONTAINER");
	/* Of a request whose answer the daemon did not wait for. */
	struct holder **former = find(name);
	if (*former) {
		struct builder nobody = {0};
		tell_kernel(request, *former, TRANSLATE_NO_MORE, &nobody);
		builder_free(&nobody);
		release(former);
	}
	struct holder *holder = calloc(1, sizeof *holder);
	if (!holder)
		return fail(err, "system", errno, "memory for a container's ports");
	holder->name = STEAL_POINTER(name);
	holder->next = holders;
	holders = holder;
	if (open_all(request, holder, err) < 0) {
		release(&holders);
		return -1;
	}
	tell_kernel(request, holder, TRANSLATE, answer);
	conntrack_forget(holder->ports, STALE_BEFORE);
	describe(holder, answer);
	return 0;
}

static int let_go(struct fields request, struct builder *answer, struct error *err)
{
	cleanup_free char *name = fields_string(request, TAG_CONTAINER);
	if (!name)
		return fail(err, "invalid", 0, "PORTS_CLOSE without CONTAINER");
	struct holder **at = find(name);
	if (*at) {
		/* In this order: what comes in between would be translated, and remembered. */
		tell_kernel(request, *at, TRANSLATE_NO_MORE, answer);
		release(at);
	}
	return 0;
}

static int translated(struct fields request, struct error *err)
{
	cleanup_free char *name = fields_string(request, TAG_CONTAINER);
	struct holder *holder = name ? *find(name) : NULL;
	if (!holder)
		return fail(err, "invalid", 0, "PORTS_TRANSLATED of a CONTAINER that holds nothing");
	conntrack_forget(holder->ports, STALE_BEFORE);
	return 0;
}

static bool is_named(struct fields request, const char *name)
{
	size_t cursor = 0;
	struct value value;
	while (fields_next(request, TAG_CONTAINER, &cursor, &value))
		if (value.size == strlen(name) && memcmp(value.data, name, value.size) == 0)
			return true;
	return false;
}

/* Lets go of all that the request does not name, and tells what is left. */
static void keep(struct fields request, struct builder *answer)
{
	for (struct holder **at = &holders; *at;) {
		if (!is_named(request, (*at)->name)) {
			release(at);
			continue;
		}
		builder_string(answer, TAG_CONTAINER, (*at)->name);
		at = &(*at)->next;
	}
}

static int carry_out(const struct frame *frame, struct builder *answer, struct error *err)
{
	struct fields request = {frame->payload, frame->size};
	switch (frame->type) {
	case FRAME_HELLO:
		return 0;
	case FRAME_PORTS_OPEN:
		return hold(request, answer, err);
	case FRAME_PORTS_CLOSE:
		return let_go(request, answer, err);
	case FRAME_PORTS_TRANSLATED:
		return translated(request, err);
	case FRAME_PORTS_KEEP:
		keep(request, answer);
		return 0;
	case FRAME_SHUTDOWN:
		if (holders)
			return fail(err, "invalid", 0, "ports are held");
		loop_stop();
		return 0;
	default:
		return fail(err, "unsupported", 0, "type 0x%02x is not for a port keeper", frame->type);
	}
}

static void on_frame(struct connection *connection, const struct frame *frame)
{
	struct builder answer = {0};
	struct error err;
	if (carry_out(frame, &answer, &err) == 0) {
		connection_answer(connection, frame, &answer);
	} else {
		builder_free(&answer);
		connection_refuse(connection, frame, &err);
	}
}

static void destroy(void *argument)
{
	connection_destroy(argument);
	free(argument);
}

static void on_close(struct connection *connection, const struct error *err)
{
	(void)err;
	daemons--;
	loop_defer(destroy, connection);
	end_if_idle();
}

static void serve(int fd)
{
	struct connection *connection = calloc(1, sizeof *connection);
	if (!connection) {
		(void)close(fd);
		return;
	}
	connection->on_frame = on_frame;
	connection->on_close = on_close;
	daemons++;
	connection_init(connection, fd);
}

static void on_daemon(struct watch *watch, uint32_t events)
{
	(void)events;
	int fd = accept4(watch->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd >= 0)
		serve(fd);
}

static int listen_at(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	if (strlen(path) >= sizeof address.sun_path)
		return -1;
	memcpy(address.sun_path, path, strlen(path) + 1);
	(void)unlink(path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	mode_t mask = umask(0177);
	bool listening = fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0 && listen(fd, BACKLOG) == 0;
	(void)umask(mask);
	return listening ? fd : -1;
}

static void raise_descriptors(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

int ports_main(const char *path)
{
	socket_path = path;
	(void)setsid();
	(void)chdir("/");
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGHUP, SIG_IGN);
	raise_descriptors();
	loop_init();
	listener = (struct watch){.fd = listen_at(path), .ready = on_daemon};
	if (listener.fd < 0) {
		(void)fprintf(stderr, "listen on %s: %s\n", path, strerror(errno));
		return 1;
	}
	struct error err;
	if (ports_confine(&err) < 0) {
		(void)fprintf(stderr, "%s\n", err.message);
		return 1;
	}
	loop_watch(&listener, EPOLLIN);
	(void)fcntl(SERVED, F_SETFL, fcntl(SERVED, F_GETFL) | O_NONBLOCK);
	(void)fcntl(SERVED, F_SETFD, FD_CLOEXEC);
	serve(SERVED);
	loop_run();
	(void)unlink(socket_path);
	return 0;
}
