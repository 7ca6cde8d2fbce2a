/* Datagrams between a held port and the container: each client is one flow with a socket of its own towards the container. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "port.h"

enum { LARGEST = 65536, BURST = 32, MOST_FLOWS = 1024, IDLE_MS = 90000 };

struct udp_flow {
	struct watch watch; /* connected to the container */
	struct timer idle;
	struct port *port;
	union address client;
	union address local; /* where the client sent to: answers come from there */
	bool ended;
	struct udp_flow *next;
};

static uint8_t datagram[LARGEST];

static void end(struct udp_flow *flow)
{
	if (flow->ended)
		return;
	flow->ended = true;
	for (struct udp_flow **at = &flow->port->flows; *at; at = &(*at)->next) {
		if (*at == flow) {
			*at = flow->next;
			break;
		}
	}
	loop_disarm(&flow->idle);
	loop_forget(&flow->watch);
	(void)close(flow->watch.fd);
	loop_defer(free, flow);
}

static void expired(struct timer *timer) { end(timer->owner); }

static bool same(const union address *left, const union address *right)
{
	if (left->any.sa_family == AF_INET)
		return left->v4.sin_port == right->v4.sin_port && left->v4.sin_addr.s_addr == right->v4.sin_addr.s_addr;
	return left->v6.sin6_port == right->v6.sin6_port && left->v6.sin6_scope_id == right->v6.sin6_scope_id
	       && memcmp(&left->v6.sin6_addr, &right->v6.sin6_addr, sizeof left->v6.sin6_addr) == 0;
}

static void answer(struct udp_flow *flow, size_t size)
{
	union {
		struct cmsghdr header;
		uint8_t bytes[CMSG_SPACE(sizeof(struct in6_pktinfo))];
	} control = {0};
	struct iovec data = {datagram, size};
	struct msghdr message = {.msg_name = &flow->client, .msg_namelen = address_size(&flow->client), .msg_iov = &data, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = sizeof control};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	if (flow->local.any.sa_family == AF_INET) {
		struct in_pktinfo info = {.ipi_spec_dst = flow->local.v4.sin_addr};
		header->cmsg_level = IPPROTO_IP;
		header->cmsg_type = IP_PKTINFO;
		header->cmsg_len = CMSG_LEN(sizeof info);
		memcpy(CMSG_DATA(header), &info, sizeof info);
		message.msg_controllen = CMSG_SPACE(sizeof info);
	} else {
		struct in6_pktinfo info = {.ipi6_addr = flow->local.v6.sin6_addr, .ipi6_ifindex = flow->local.v6.sin6_scope_id};
		header->cmsg_level = IPPROTO_IPV6;
		header->cmsg_type = IPV6_PKTINFO;
		header->cmsg_len = CMSG_LEN(sizeof info);
		memcpy(CMSG_DATA(header), &info, sizeof info);
	}
	(void)sendmsg(flow->port->watch.fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void ready(struct watch *watch, uint32_t events)
{
	(void)events;
	struct udp_flow *flow = watch->owner;
	for (int i = 0; i < BURST && !flow->ended; i++) {
		ssize_t size = recv(watch->fd, datagram, sizeof datagram, MSG_DONTWAIT);
		if (size < 0 && errno == EAGAIN)
			break;
		/* A refusal is the container's answer to an earlier datagram: the next may be taken. */
		if (size >= 0) {
			answer(flow, (size_t)size);
			loop_arm(&flow->idle, IDLE_MS);
		}
	}
}

static void drop_oldest(struct port *port)
{
	size_t count = 0;
	struct udp_flow *last = NULL;
	for (struct udp_flow *flow = port->flows; flow; flow = flow->next, count++)
		last = flow;
	if (count >= MOST_FLOWS)
		end(last);
}

static struct udp_flow *begin(struct port *port, const union address *client, const union address *local)
{
	drop_oldest(port);
	int fd = socket(port->target.any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct udp_flow *flow = fd < 0 ? NULL : calloc(1, sizeof *flow);
	if (!flow || connect(fd, &port->target.any, address_size(&port->target)) < 0) {
		free(flow);
		if (fd >= 0)
			(void)close(fd);
		return NULL;
	}
	*flow = (struct udp_flow){.port = port, .client = *client, .local = *local, .next = port->flows};
	flow->watch = (struct watch){.fd = fd, .ready = ready, .owner = flow};
	flow->idle = (struct timer){.expired = expired, .owner = flow};
	port->flows = flow;
	loop_watch(&flow->watch, EPOLLIN);
	return flow;
}

/* The last used comes first. */
static struct udp_flow *find(struct port *port, const union address *client, const union address *local)
{
	for (struct udp_flow **at = &port->flows; *at; at = &(*at)->next) {
		struct udp_flow *flow = *at;
		if (!same(&flow->client, client) || !same(&flow->local, local))
			continue;
		*at = flow->next;
		flow->next = port->flows;
		port->flows = flow;
		return flow;
	}
	return begin(port, client, local);
}

static void read_local(struct msghdr *message, union address *local)
{
	for (struct cmsghdr *header = CMSG_FIRSTHDR(message); header; header = CMSG_NXTHDR(message, header)) {
		if (header->cmsg_level == IPPROTO_IP && header->cmsg_type == IP_PKTINFO) {
			struct in_pktinfo info;
			memcpy(&info, CMSG_DATA(header), sizeof info);
			local->v4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr = info.ipi_addr};
		} else if (header->cmsg_level == IPPROTO_IPV6 && header->cmsg_type == IPV6_PKTINFO) {
			struct in6_pktinfo info;
			memcpy(&info, CMSG_DATA(header), sizeof info);
			local->v6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_addr = info.ipi6_addr, .sin6_scope_id = info.ipi6_ifindex};
		}
	}
}

void udp_receive(struct port *port)
{
	for (int i = 0; i < BURST; i++) {
		union {
			struct cmsghdr header;
			uint8_t bytes[CMSG_SPACE(sizeof(struct in6_pktinfo))];
		} control;
		union address client = {0}, local = {.any.sa_family = port->host.any.sa_family};
		struct iovec data = {datagram, sizeof datagram};
		struct msghdr message = {.msg_name = &client, .msg_namelen = sizeof client, .msg_iov = &data, .msg_iovlen = 1,
			.msg_control = &control, .msg_controllen = sizeof control};
		ssize_t size = recvmsg(port->watch.fd, &message, MSG_DONTWAIT);
		if (size < 0)
			return;
		read_local(&message, &local);
		struct udp_flow *flow = find(port, &client, &local);
		if (!flow)
			continue;
		loop_arm(&flow->idle, IDLE_MS);
		(void)send(flow->watch.fd, datagram, (size_t)size, MSG_DONTWAIT | MSG_NOSIGNAL);
	}
}

void udp_end_all(struct port *port)
{
	while (port->flows)
		end(port->flows);
}
