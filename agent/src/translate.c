#include "translate.h"
#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "cleanup.h"

/* An attribute's length is 16 bits, so a message holds so many elements of less than 64 bytes. */
enum { MOST_ELEMENTS = 500, ELEMENT_ROOM = 64, MESSAGE_ROOM = 512 };

static const char *const maps[] = {"published", "published_here"};

struct buffer {
	uint8_t *bytes;
	size_t size;
};

static size_t begin_attribute(struct buffer *buffer, uint16_t type, const void *data, size_t size)
{
	struct nlattr *head = (struct nlattr *)(buffer->bytes + buffer->size);
	size_t start = buffer->size;
	*head = (struct nlattr){.nla_type = type, .nla_len = (uint16_t)(NLA_HDRLEN + size)};
	if (size)
		memcpy(buffer->bytes + buffer->size + NLA_HDRLEN, data, size);
	buffer->size += NLA_ALIGN(NLA_HDRLEN + size);
	return start;
}

static void end_attribute(struct buffer *buffer, size_t start)
{
	((struct nlattr *)(buffer->bytes + start))->nla_len = (uint16_t)(buffer->size - start);
}

static size_t begin_message(struct buffer *buffer, uint16_t type, uint16_t flags, uint8_t family, uint16_t resource)
{
	size_t start = buffer->size;
	struct nlmsghdr *head = (struct nlmsghdr *)(buffer->bytes + start);
	*head = (struct nlmsghdr){.nlmsg_type = type, .nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags)};
	struct nfgenmsg *inner = NLMSG_DATA(head);
	*inner = (struct nfgenmsg){.nfgen_family = family, .version = NFNETLINK_V0, .res_id = htons(resource)};
	buffer->size += NLMSG_ALIGN(NLMSG_LENGTH(sizeof *inner));
	return start;
}

static void end_message(struct buffer *buffer, size_t start)
{
	((struct nlmsghdr *)(buffer->bytes + start))->nlmsg_len = (uint32_t)(buffer->size - start);
}

/* The map that a port belongs into; -1: what leads there is relayed. */
static int map_of(const struct port *port)
{
	if (port->host.any.sa_family != AF_INET)
		return -1;
	uint32_t address = ntohl(port->host.v4.sin_addr.s_addr);
	if (address == INADDR_ANY)
		return 0;
	return address >> 24 == IN_LOOPBACKNET ? -1 : 1;
}

static void add_value(struct buffer *buffer, uint16_t attribute, const uint8_t *value, size_t size)
{
	size_t outer = begin_attribute(buffer, NLA_F_NESTED | attribute, NULL, 0);
	(void)begin_attribute(buffer, NFTA_DATA_VALUE, value, size);
	end_attribute(buffer, outer);
}

/* Each part of a key takes 4 bytes, whatever its size. */
static void add_element(struct buffer *buffer, const struct port *port, int map, enum translation translation)
{
	uint8_t key[12] = {0}, data[8] = {0};
	size_t at = 0;
	if (map == 1) {
		memcpy(key, &port->host.v4.sin_addr, 4);
		at = 4;
	}
	key[at] = (uint8_t)port->protocol;
	memcpy(key + at + 4, &port->host.v4.sin_port, 2);
	memcpy(data, &port->target.v4.sin_addr, 4);
	memcpy(data + 4, &port->target.v4.sin_port, 2);
	size_t element = begin_attribute(buffer, NLA_F_NESTED | NFTA_LIST_ELEM, NULL, 0);
	add_value(buffer, NFTA_SET_ELEM_KEY, key, at + 8);
	if (translation == TRANSLATE)
		add_value(buffer, NFTA_SET_ELEM_DATA, data, sizeof data);
	end_attribute(buffer, element);
}

/* A message for each run of ports of one map; gives how many. */
static int add_messages(struct buffer *buffer, const char *table, const struct port *ports, enum translation translation)
{
	int messages = 0;
	uint16_t type = NFNL_SUBSYS_NFTABLES << 8 | (translation == TRANSLATE ? NFT_MSG_NEWSETELEM : NFT_MSG_DELSETELEM);
	for (int map = 0; map < 2; map++) {
		for (const struct port *port = ports; port;) {
			for (; port && map_of(port) != map; port = port->next)
				;
			if (!port)
				break;
			size_t message = begin_message(buffer, type, NLM_F_ACK | (translation == TRANSLATE ? NLM_F_CREATE : 0), NFPROTO_IPV4, 0);
			(void)begin_attribute(buffer, NFTA_SET_ELEM_LIST_TABLE, table, strlen(table) + 1);
			(void)begin_attribute(buffer, NFTA_SET_ELEM_LIST_SET, maps[map], strlen(maps[map]) + 1);
			size_t list = begin_attribute(buffer, NLA_F_NESTED | NFTA_SET_ELEM_LIST_ELEMENTS, NULL, 0);
			for (int count = 0; port && count < MOST_ELEMENTS; port = port->next) {
				if (map_of(port) != map)
					continue;
				add_element(buffer, port, map, translation);
				count++;
			}
			end_attribute(buffer, list);
			end_message(buffer, message);
			messages++;
		}
	}
	return messages;
}

/* One answer for each message, or the first refusal. */
static int read_answers(int fd, int messages)
{
	uint8_t bytes[8192];
	while (messages > 0) {
		ssize_t count = recv(fd, bytes, sizeof bytes, 0);
		if (count < 0 && errno == EINTR)
			continue;
		if (count <= 0)
			return count < 0 ? -errno : -EPROTO;
		unsigned left = (unsigned)count;
		for (struct nlmsghdr *message = (struct nlmsghdr *)bytes; NLMSG_OK(message, left); message = NLMSG_NEXT(message, left)) {
			if (message->nlmsg_type != NLMSG_ERROR)
				continue;
			int error = ((struct nlmsgerr *)NLMSG_DATA(message))->error;
			if (error < 0)
				return error;
			messages--;
		}
	}
	return 0;
}

int translate_ports(const char *table, const struct port *ports, enum translation translation)
{
	size_t count = 0;
	for (const struct port *port = ports; port; port = port->next)
		count += map_of(port) >= 0;
	if (count == 0)
		return 0;
	if (strlen(table) >= NFT_TABLE_MAXNAMELEN)
		return -ENAMETOOLONG;
	cleanup_free void *bytes = calloc(1, count * ELEMENT_ROOM + (count / MOST_ELEMENTS + 4) * MESSAGE_ROOM);
	if (!bytes)
		return -ENOMEM;
	struct buffer buffer = {.bytes = bytes};
	end_message(&buffer, begin_message(&buffer, NFNL_MSG_BATCH_BEGIN, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES));
	int messages = add_messages(&buffer, table, ports, translation);
	end_message(&buffer, begin_message(&buffer, NFNL_MSG_BATCH_END, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES));
	cleanup_close int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
	struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
	struct timeval patience = {.tv_sec = 2};
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) < 0
	    || sendto(fd, buffer.bytes, buffer.size, 0, (struct sockaddr *)&kernel, sizeof kernel) < 0)
		return -errno;
	return read_answers(fd, messages);
}
