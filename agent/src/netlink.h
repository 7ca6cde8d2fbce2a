/* Just enough rtnetlink(7) to make interfaces, addresses and routes, without a process for each. */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <linux/netlink.h>
#include "error.h"

struct netlink_message {
	uint8_t bytes[1024];
	size_t size;
};

/* Begins a request whose family header (ifinfomsg, ifaddrmsg, rtmsg) follows. */
void netlink_begin(struct netlink_message *message, uint16_t type, uint16_t flags, const void *header, size_t header_size);
void netlink_add(struct netlink_message *message, uint16_t attribute, const void *data, size_t size);
void netlink_add_u32(struct netlink_message *message, uint16_t attribute, uint32_t number);
void netlink_add_string(struct netlink_message *message, uint16_t attribute, const char *text);
size_t netlink_nest(struct netlink_message *message, uint16_t attribute);
void netlink_end_nest(struct netlink_message *message, size_t nest);
int netlink_open(struct error *err);
/* Sends and waits for the kernel's acknowledgement; a negative errno of the kernel is returned, what names it in the error. */
int netlink_do(int fd, struct netlink_message *message, const char *what, struct error *err);
