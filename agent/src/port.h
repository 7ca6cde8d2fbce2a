/* One held port: a socket on the host, and the relays from it to the container. */
#pragma once
#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>
#include "error.h"
#include "loop.h"

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

struct port {
	struct watch watch;
	struct timer pause; /* without descriptors no connection is taken for a moment */
	int protocol;       /* IPPROTO_TCP, _UDP, _SCTP */
	union address host, target;
	struct tcp_relay *connections;
	struct udp_flow *flows;
	struct port *next;
};

socklen_t address_size(const union address *address);
/* A bound socket that listens where the protocol has that; -1 with errno. */
int port_bind(int protocol, const union address *host);
/* Takes what comes in on port->watch.fd. */
void port_serve(struct port *port);
/* Ends its relays, closes the socket, frees it once the loop has done with it. */
void port_close(struct port *port);

/* One for each protocol. */
void tcp_accept(struct port *port);
void tcp_end_all(struct port *port);
void udp_receive(struct port *port);
void udp_end_all(struct port *port);
