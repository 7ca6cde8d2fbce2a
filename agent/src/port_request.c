#include "port_request.h"
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct {
	const char *name;
	int number;
} protocols[] = {{"tcp", IPPROTO_TCP}, {"udp", IPPROTO_UDP}, {"sctp", IPPROTO_SCTP}};

static const char *protocol_name(int number)
{
	for (size_t i = 0; i < sizeof protocols / sizeof *protocols; i++)
		if (protocols[i].number == number)
			return protocols[i].name;
	return "";
}

static int protocol_number(const char *name)
{
	for (size_t i = 0; i < sizeof protocols / sizeof *protocols; i++)
		if (strcmp(protocols[i].name, name) == 0)
			return protocols[i].number;
	return -1;
}

static bool parse_address(const char *text, union address *address)
{
	*address = (union address){0};
	if (inet_pton(AF_INET, text, &address->v4.sin_addr) == 1) {
		address->v4.sin_family = AF_INET;
		return true;
	}
	address->v6.sin6_family = AF_INET6;
	return inet_pton(AF_INET6, text, &address->v6.sin6_addr) == 1;
}

static void set_port(union address *address, uint16_t port)
{
	if (address->any.sa_family == AF_INET)
		address->v4.sin_port = htons(port);
	else
		address->v6.sin6_port = htons(port);
}

static uint16_t port_of(const union address *address)
{
	return ntohs(address->any.sa_family == AF_INET ? address->v4.sin_port : address->v6.sin6_port);
}

static void print_address(const union address *address, char *text, socklen_t size)
{
	bool four = address->any.sa_family == AF_INET;
	(void)inet_ntop(address->any.sa_family, four ? (const void *)&address->v4.sin_addr : (const void *)&address->v6.sin6_addr, text, size);
}

int port_request_parse(const char *line, struct port_request *request, struct error *err)
{
	char protocol[8], hosts[128], target[64], any[2] = "";
	unsigned first, last, port;
	*request = (struct port_request){0};
	if (sscanf(line, "%7s %127s %u-%u%1[*] %63s %u", protocol, hosts, &first, &last, any, target, &port) != 7
	    && sscanf(line, "%7s %127s %u-%u %63s %u", protocol, hosts, &first, &last, target, &port) != 6)
		return fail(err, "invalid", 0, "not a port: %s", line);
	request->protocol = protocol_number(protocol);
	if (request->protocol < 0 || first < 1 || last < first || last > 65535 || port < 1 || port > 65535
	    || !parse_address(target, &request->target))
		return fail(err, "invalid", 0, "not a port: %s", line);
	request->first = (uint16_t)first;
	request->last = (uint16_t)last;
	request->anywhere = any[0] == '*';
	set_port(&request->target, (uint16_t)port);
	char *rest = hosts;
	for (char *host; (host = strsep(&rest, ",")) != NULL; request->host_count++)
		if (request->host_count == MOST_ADDRESSES || !parse_address(host, &request->hosts[request->host_count]))
			return fail(err, "invalid", 0, "not a port: %s", line);
	return 0;
}

static void close_until(struct port **ports, const struct port *end)
{
	while (*ports != end) {
		struct port *port = *ports;
		*ports = port->next;
		port_close(port);
	}
}

static int open_one(const struct port_request *request, const union address *host, uint16_t number, struct port **ports)
{
	struct port *port = calloc(1, sizeof *port);
	if (!port)
		return -1;
	port->protocol = request->protocol;
	port->host = *host;
	port->target = request->target;
	set_port(&port->host, number);
	port->watch.fd = port_bind(port->protocol, &port->host);
	if (port->watch.fd < 0) {
		int saved = errno;
		free(port);
		errno = saved;
		return -1;
	}
	port->next = *ports;
	*ports = port;
	port_serve(port);
	return 0;
}

/* On every address or on none; -1 with errno. */
static int open_number(const struct port_request *request, uint16_t number, struct port **ports, const union address **refused)
{
	const struct port *before = *ports;
	for (size_t i = 0; i < request->host_count; i++) {
		if (open_one(request, &request->hosts[i], number, ports) == 0)
			continue;
		/* A host without IPv6 is served by the other address alone. */
		bool optional = request->host_count > 1 && request->hosts[i].any.sa_family == AF_INET6;
		if (optional && (errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL))
			continue;
		int saved = errno;
		*refused = &request->hosts[i];
		close_until(ports, before);
		errno = saved;
		return -1;
	}
	return 0;
}

int port_request_open(const struct port_request *request, struct port **ports, struct error *err)
{
	static uint16_t next;
	unsigned count = request->last - request->first + 1u;
	unsigned start = request->anywhere && next >= request->first && next <= request->last ? (unsigned)(next - request->first) : 0u;
	const union address *refused = &request->hosts[0];
	for (unsigned step = 0; step < count; step++) {
		uint16_t number = (uint16_t)(request->first + (start + step) % count);
		if (open_number(request, number, ports, &refused) == 0) {
			if (request->anywhere)
				next = (uint16_t)(number + 1);
			return 0;
		}
		if (errno != EADDRINUSE)
			break;
	}
	int saved = errno;
	char text[INET6_ADDRSTRLEN] = "";
	print_address(refused, text, sizeof text);
	(void)fail(err, "port", 0, "%s %s %u", protocol_name(request->protocol), text, request->first);
	err->saved_errno = saved;
	return -1;
}

void port_describe(const struct port *port, char *line, size_t size)
{
	char host[INET6_ADDRSTRLEN] = "", target[INET6_ADDRSTRLEN] = "";
	print_address(&port->host, host, sizeof host);
	print_address(&port->target, target, sizeof target);
	(void)snprintf(line, size, "%s %s %u %s %u", protocol_name(port->protocol), host, port_of(&port->host), target, port_of(&port->target));
}
