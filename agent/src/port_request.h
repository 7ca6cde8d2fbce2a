/* What a daemon asks to be published, as one line: "PROTOCOL ADDRESS[,ADDRESS] FIRST-LAST TARGET PORT". */
#pragma once
#include "port.h"

enum { MOST_ADDRESSES = 2 };

struct port_request {
	int protocol;
	union address hosts[MOST_ADDRESSES];
	size_t host_count;
	uint16_t first, last;
	bool anywhere; /* a range without a wish: the search begins where the last one ended */
	union address target;
};

int port_request_parse(const char *line, struct port_request *request, struct error *err);
/* Holds the first port of the range that is free on every address and links what it made into *ports. */
int port_request_open(const struct port_request *request, struct port **ports, struct error *err);
/* "PROTOCOL ADDRESS PORT TARGET PORT" */
void port_describe(const struct port *port, char *line, size_t size);
