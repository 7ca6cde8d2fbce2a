#include "conntrack.h"
#include <errno.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "cleanup.h"
#include "netlink.h"

enum { LARGEST_TUPLE = 128, CHUNK = 32768 };

struct tuple {
	uint32_t source, destination;
	uint16_t source_port, destination_port;
	uint8_t protocol;
};

/* The original tuple as the kernel gave it: what names the flow to be forgotten. */
struct flow {
	uint8_t bytes[LARGEST_TUPLE];
	size_t size;
};

struct flows {
	struct flow *list;
	size_t count, capacity;
};

static const struct nlattr *next_attribute(const uint8_t **at, const uint8_t *end)
{
	const struct nlattr *attribute = (const struct nlattr *)*at;
	if (end - *at < NLA_HDRLEN || attribute->nla_len < NLA_HDRLEN || attribute->nla_len > end - *at)
		return NULL;
	size_t whole = NLA_ALIGN(attribute->nla_len);
	*at = whole > (size_t)(end - *at) ? end : *at + whole;
	return attribute;
}

static void read_tuple(const struct nlattr *nest, struct tuple *tuple)
{
	const uint8_t *at = (const uint8_t *)nest + NLA_HDRLEN, *end = (const uint8_t *)nest + nest->nla_len;
	for (const struct nlattr *part; (part = next_attribute(&at, end)) != NULL;) {
		bool proto = (part->nla_type & NLA_TYPE_MASK) == CTA_TUPLE_PROTO;
		const uint8_t *inner = (const uint8_t *)part + NLA_HDRLEN, *inner_end = (const uint8_t *)part + part->nla_len;
		for (const struct nlattr *value; (value = next_attribute(&inner, inner_end)) != NULL;) {
			const uint8_t *data = (const uint8_t *)value + NLA_HDRLEN;
			size_t size = value->nla_len - NLA_HDRLEN;
			int type = value->nla_type & NLA_TYPE_MASK;
			if (!proto && type == CTA_IP_V4_SRC && size == 4)
				memcpy(&tuple->source, data, 4);
			else if (!proto && type == CTA_IP_V4_DST && size == 4)
				memcpy(&tuple->destination, data, 4);
			else if (proto && type == CTA_PROTO_NUM && size == 1)
				tuple->protocol = *data;
			else if (proto && type == CTA_PROTO_SRC_PORT && size == 2)
				memcpy(&tuple->source_port, data, 2);
			else if (proto && type == CTA_PROTO_DST_PORT && size == 2)
				memcpy(&tuple->destination_port, data, 2);
		}
	}
}

static bool is_stale(const struct port *ports, enum conntrack_stale stale, const struct tuple *original, const struct tuple *reply)
{
	for (const struct port *port = ports; port; port = port->next) {
		if (port->protocol != IPPROTO_UDP || port->host.any.sa_family != AF_INET || original->protocol != IPPROTO_UDP
		    || original->destination_port != port->host.v4.sin_port)
			continue;
		if (stale == STALE_BEFORE && reply->source == original->destination && reply->destination == original->source)
			return true;
		if (stale == STALE_AFTER && reply->source == port->target.v4.sin_addr.s_addr)
			return true;
	}
	return false;
}

static void remember(struct flows *flows, const struct nlattr *original)
{
	if (original->nla_len > LARGEST_TUPLE)
		return;
	if (flows->count == flows->capacity) {
		size_t capacity = flows->capacity ? 2 * flows->capacity : 16;
		struct flow *list = realloc(flows->list, capacity * sizeof *list);
		if (!list)
			return;
		flows->list = list;
		flows->capacity = capacity;
	}
	struct flow *flow = &flows->list[flows->count++];
	flow->size = original->nla_len - (size_t)NLA_HDRLEN;
	memcpy(flow->bytes, (const uint8_t *)original + NLA_HDRLEN, flow->size);
}

static void look(const struct nlmsghdr *message, const struct port *ports, enum conntrack_stale stale, struct flows *flows)
{
	const uint8_t *at = (const uint8_t *)NLMSG_DATA(message) + NLMSG_ALIGN(sizeof(struct nfgenmsg));
	const uint8_t *end = (const uint8_t *)message + message->nlmsg_len;
	const struct nlattr *named = NULL;
	struct tuple original = {0}, reply = {0};
	for (const struct nlattr *attribute; at < end && (attribute = next_attribute(&at, end)) != NULL;) {
		switch (attribute->nla_type & NLA_TYPE_MASK) {
		case CTA_TUPLE_ORIG:
			named = attribute;
			read_tuple(attribute, &original);
			break;
		case CTA_TUPLE_REPLY:
			read_tuple(attribute, &reply);
			break;
		default:
			break;
		}
	}
	if (named && is_stale(ports, stale, &original, &reply))
		remember(flows, named);
}

static void list_stale(int fd, const struct port *ports, enum conntrack_stale stale, struct flows *flows)
{
	struct {
		struct nlmsghdr head;
		struct nfgenmsg family;
	} request = {
		.head = {.nlmsg_len = sizeof request, .nlmsg_type = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET, .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
		.family = {.nfgen_family = AF_INET, .version = NFNETLINK_V0},
	};
	if (send(fd, &request, sizeof request, 0) < 0)
		return;
	static uint8_t bytes[CHUNK] __attribute__((aligned(8)));
	for (;;) {
		ssize_t count = recv(fd, bytes, sizeof bytes, 0);
		if (count < 0 && errno == EINTR)
			continue;
		if (count <= 0)
			return;
		unsigned left = (unsigned)count;
		for (const struct nlmsghdr *message = (const struct nlmsghdr *)bytes; NLMSG_OK(message, left); message = NLMSG_NEXT(message, left)) {
			if (message->nlmsg_type == NLMSG_DONE || message->nlmsg_type == NLMSG_ERROR)
				return;
			look(message, ports, stale, flows);
		}
	}
}

static bool any_datagrams(const struct port *ports)
{
	for (const struct port *port = ports; port; port = port->next)
		if (port->protocol == IPPROTO_UDP && port->host.any.sa_family == AF_INET)
			return true;
	return false;
}

void conntrack_forget(const struct port *ports, enum conntrack_stale stale)
{
	if (!any_datagrams(ports))
		return;
	cleanup_close int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
	if (fd < 0)
		return;
	/* The kernel answers at once; a wait without end must not hold up the relays all the same. */
	struct timeval patience = {.tv_sec = 1};
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	struct flows flows = {0};
	list_stale(fd, ports, stale, &flows);
	for (size_t i = 0; i < flows.count; i++) {
		struct nfgenmsg family = {.nfgen_family = AF_INET, .version = NFNETLINK_V0};
		struct netlink_message message;
		netlink_begin(&message, NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_DELETE, 0, &family, sizeof family);
		netlink_add(&message, NLA_F_NESTED | CTA_TUPLE_ORIG, flows.list[i].bytes, flows.list[i].size);
		/* One that ended meanwhile is forgotten already. */
		(void)netlink_do(fd, &message, "forgetting a flow", NULL);
	}
	free(flows.list);
}
