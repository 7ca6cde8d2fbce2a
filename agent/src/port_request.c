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

/* Digits and nothing else. */
static bool parse_number(const char *text, uint16_t *number)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);
	*number = (uint16_t)value;
	return *text >= '0' && *text <= '9' && !*end && value >= 1 && value <= 65535;
}

/* FIRST-LAST, with an asterisk where any free one of them will do. */
static bool parse_range(char *text, struct port_request *request)
{
	char *dash = strchr(text, '-'), *star = strchr(text, '*');
	if (!dash || (star && star[1]))
		return false;
	*dash = 0;
	if (star)
		*star = 0;
	request->anywhere = star != NULL;
	return parse_number(text, &request->first) && parse_number(dash + 1, &request->last) && request->first <= request->last;
}

/* PROTOCOL HOSTS RANGE TARGET PORT */
int port_request_parse(const char *line, struct port_request *request, struct error *err)
{
	enum { WORDS = 5 };
	char copy[512], *words[WORDS], *rest = copy;
	size_t count = 0;
	uint16_t port;
	*request = (struct port_request){0};
	(void)snprintf(copy, sizeof copy, "%s", line);
	while (rest && count < WORDS)
		words[count++] = strsep(&rest, " ");
	if (count < WORDS || rest || strlen(line) >= sizeof copy || (request->protocol = protocol_number(words[0])) < 0 || !parse_range(words[2], request) ||
	    !parse_address(words[3], &request->target) || !parse_number(words[4], &port))
		return fail(err, "invalid", 0, "not a port: %s", line);
	set_port(&request->target, port);
	rest = words[1];
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
