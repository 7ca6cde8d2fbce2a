#include "port.h"
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

enum { BACKLOG = 1024 };

socklen_t address_size(const union address *address)
{
	return address->any.sa_family == AF_INET ? sizeof address->v4 : sizeof address->v6;
}

static int prepare(int fd, int protocol, const union address *host)
{
	int on = 1;
	bool six = host->any.sa_family == AF_INET6;
	if (six && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) < 0)
		return -1;
	if (protocol == IPPROTO_UDP) /* answers leave from the address that was asked */
		return six ? setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof on) : setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof on);
	/* What a former holder left in TIME_WAIT does not matter; two that listen still exclude each other. */
	return setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
}

int port_bind(int protocol, const union address *host)
{
	int type = (protocol == IPPROTO_UDP ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC | SOCK_NONBLOCK;
	int fd = socket(host->any.sa_family, type, protocol);
	if (fd < 0)
		return -1;
	if (prepare(fd, protocol, host) == 0 && bind(fd, &host->any, address_size(host)) == 0
	    && (protocol == IPPROTO_UDP || listen(fd, BACKLOG) == 0))
		return fd;
	int saved = errno;
	(void)close(fd);
	errno = saved;
	return -1;
}

static void ready(struct watch *watch, uint32_t events)
{
	(void)events;
	struct port *port = watch->owner;
	if (port->protocol == IPPROTO_UDP)
		udp_receive(port);
	else
		tcp_accept(port);
}

static void resume(struct timer *timer)
{
	struct port *port = timer->owner;
	loop_watch(&port->watch, EPOLLIN);
}

void port_serve(struct port *port)
{
	port->watch.ready = ready;
	port->watch.owner = port;
	port->pause.expired = resume;
	port->pause.owner = port;
	loop_watch(&port->watch, EPOLLIN);
}

void port_close(struct port *port)
{
	loop_disarm(&port->pause);
	loop_forget(&port->watch);
	if (port->protocol == IPPROTO_UDP)
		udp_end_all(port);
	else
		tcp_end_all(port);
	(void)close(port->watch.fd);
	port->watch.fd = -1;
	loop_defer(free, port);
}
