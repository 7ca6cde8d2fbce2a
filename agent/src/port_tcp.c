/* Connections from a held port to the container: bytes go through a pipe in the kernel, never through this process's memory. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <unistd.h>
#include "port.h"

/* Much at a time: each turn of the loop wakes sender and receiver. */
enum { CHUNK = 1 << 20, SMALL = 1 << 16, ROUNDS = 4, PAUSE_MS = 100 };

struct side {
	struct watch watch;
	int pipe[2];    /* what was read here and the other side has not taken */
	size_t held;
	bool read_ended; /* its sender is done */
	bool write_ended;
};

struct tcp_relay {
	struct port *port;
	struct side sides[2]; /* the client's, the container's */
	bool connected, ended;
	struct tcp_relay *next;
};

static void end(struct tcp_relay *relay)
{
	if (relay->ended)
		return;
	relay->ended = true;
	for (struct tcp_relay **at = &relay->port->connections; *at; at = &(*at)->next) {
		if (*at == relay) {
			*at = relay->next;
			break;
		}
	}
	for (int i = 0; i < 2; i++) {
		struct side *side = &relay->sides[i];
		loop_forget(&side->watch);
		for (int j = 0; j < 2; j++)
			if (side->pipe[j] >= 0)
				(void)close(side->pipe[j]);
		if (side->watch.fd >= 0)
			(void)close(side->watch.fd);
	}
	loop_defer(free, relay);
}

/* The other side learns that this was no orderly end. */
static void reset(struct tcp_relay *relay)
{
	struct linger linger = {.l_onoff = 1};
	for (int i = 0; i < 2; i++)
		if (relay->sides[i].watch.fd >= 0)
			(void)setsockopt(relay->sides[i].watch.fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
	end(relay);
}

/* Moves what is there from one side to the other; -1 when the connection broke. */
static int pump(struct side *from, struct side *to)
{
	for (int round = 0; round < ROUNDS; round++) {
		ssize_t count = 0;
		if (from->held == 0 && !from->read_ended) {
			count = splice(from->watch.fd, NULL, from->pipe[1], NULL, CHUNK, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
			if (count < 0)
				return errno == EAGAIN || errno == EINTR ? 0 : -1;
			from->read_ended = count == 0;
			from->held = (size_t)count;
		}
		while (from->held > 0) {
			ssize_t moved = splice(from->pipe[0], NULL, to->watch.fd, NULL, from->held, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
			if (moved <= 0)
				return moved < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -1;
			from->held -= (size_t)moved;
		}
		if (from->read_ended) {
			if (!to->write_ended)
				(void)shutdown(to->watch.fd, SHUT_WR);
			to->write_ended = true;
			return 0;
		}
		/* What was less than there is room for was all: the loop tells when there is more. */
		if (count < SMALL)
			return 0;
	}
	return 0;
}

static void update(struct tcp_relay *relay)
{
	for (int i = 0; i < 2; i++) {
		struct side *side = &relay->sides[i], *other = &relay->sides[!i];
		bool reads = !side->read_ended && side->held == 0;
		bool writes = other->held > 0;
		loop_watch(&side->watch, (reads ? EPOLLIN : 0) | (writes ? EPOLLOUT : 0));
	}
}

static bool establish(struct tcp_relay *relay)
{
	int error = 0;
	socklen_t size = sizeof error;
	if (getsockopt(relay->sides[1].watch.fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0 || error != 0)
		return false;
	relay->connected = true;
	return true;
}

static void ready(struct watch *watch, uint32_t events)
{
	struct tcp_relay *relay = watch->owner;
	if (relay->ended)
		return;
	struct side *sides = relay->sides, *side = watch == &sides[0].watch ? &sides[0] : &sides[1];
	struct side *other = side == &sides[0] ? &sides[1] : &sides[0];
	bool broken = !relay->connected && !establish(relay);
	/* A hang-up or an error is found by reading, or by writing what is held. */
	if (!broken && (side->held > 0 || events & ~(uint32_t)EPOLLOUT))
		broken = pump(side, other) < 0;
	if (!broken && (other->held > 0 || events & (EPOLLOUT | EPOLLERR)))
		broken = pump(other, side) < 0;
	if (broken)
		reset(relay);
	else if (sides[0].write_ended && sides[1].write_ended)
		end(relay);
	else
		update(relay);
}

static void tune(int fd)
{
	int on = 1;
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
}

static void begin(struct port *port, int client)
{
	struct tcp_relay *relay = calloc(1, sizeof *relay);
	if (!relay) {
		(void)close(client);
		return;
	}
	int target = socket(port->target.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, port->protocol);
	relay->port = port;
	relay->next = port->connections;
	port->connections = relay;
	bool piped = true;
	for (int i = 0; i < 2; i++) {
		struct side *side = &relay->sides[i];
		side->watch = (struct watch){.fd = i == 0 ? client : target, .ready = ready, .owner = relay};
		side->pipe[0] = side->pipe[1] = -1;
		piped = pipe2(side->pipe, O_CLOEXEC | O_NONBLOCK) == 0 && piped;
		(void)fcntl(side->pipe[1], F_SETPIPE_SZ, CHUNK); /* less where the user's pipes hold too much already */
	}
	if (!piped || target < 0 || (connect(target, &port->target.any, address_size(&port->target)) < 0 && errno != EINPROGRESS)) {
		reset(relay);
		return;
	}
	if (port->protocol == IPPROTO_TCP) {
		tune(client);
		tune(target);
	}
	loop_watch(&relay->sides[1].watch, EPOLLOUT);
}

void tcp_accept(struct port *port)
{
	int client = accept4(port->watch.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (client >= 0) {
		begin(port, client);
	} else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
		/* The connection stays in the queue: without a pause the loop would ask for it again at once. */
		loop_watch(&port->watch, 0);
		loop_arm(&port->pause, PAUSE_MS);
	}
}

void tcp_end_all(struct port *port)
{
	while (port->connections)
		reset(port->connections);
}
