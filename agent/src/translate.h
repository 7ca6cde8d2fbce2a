/* Tells the kernel's nftables which ports lead to which container: elements of the two maps in a bridge's table. */
#pragma once
#include "port.h"

enum translation { TRANSLATE, TRANSLATE_NO_MORE };

/* All of them in one transaction; a negative errno when there is none of it, for one when the table is not there. */
int translate_ports(const char *table, const struct port *ports, enum translation translation);
