#include "netlink.h"
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <linux/rtnetlink.h>
#include <unistd.h>

void netlink_begin(struct netlink_message *message, uint16_t type, uint16_t flags, const void *header, size_t header_size)
{
	struct nlmsghdr *head = (struct nlmsghdr *)message->bytes;
	memset(message, 0, sizeof *message);
	head->nlmsg_type = type;
	head->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | NLM_F_ACK | flags);
	head->nlmsg_seq = 1;
	memcpy(message->bytes + NLMSG_HDRLEN, header, header_size);
	message->size = NLMSG_ALIGN(NLMSG_HDRLEN + header_size);
}

void netlink_add(struct netlink_message *message, uint16_t attribute, const void *data, size_t size)
{
	size_t whole = RTA_LENGTH(size);
	if (message->size + RTA_ALIGN(whole) > sizeof message->bytes)
		return; /* the kernel refuses the short message; what is added here is bounded by its callers */
	struct rtattr *head = (struct rtattr *)(message->bytes + message->size);
	head->rta_type = attribute;
	head->rta_len = (unsigned short)whole;
	if (size)
		memcpy(RTA_DATA(head), data, size);
	message->size += RTA_ALIGN(whole);
}

void netlink_add_u32(struct netlink_message *message, uint16_t attribute, uint32_t number) { netlink_add(message, attribute, &number, sizeof number); }

void netlink_add_string(struct netlink_message *message, uint16_t attribute, const char *text) { netlink_add(message, attribute, text, strlen(text) + 1); }

size_t netlink_nest(struct netlink_message *message, uint16_t attribute)
{
	size_t nest = message->size;
	netlink_add(message, attribute, NULL, 0);
	return nest;
}

void netlink_end_nest(struct netlink_message *message, size_t nest)
{
	((struct rtattr *)(message->bytes + nest))->rta_len = (unsigned short)(message->size - nest);
}

int netlink_open(struct error *err)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (fd < 0)
		return fail(err, "system", errno, "a netlink socket");
	return fd;
}

int netlink_do(int fd, struct netlink_message *message, const char *what, struct error *err)
{
	struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
	((struct nlmsghdr *)message->bytes)->nlmsg_len = (uint32_t)message->size;
	if (sendto(fd, message->bytes, message->size, 0, (struct sockaddr *)&kernel, sizeof kernel) < 0)
		return fail(err, "system", errno, "%s", what), -errno;
	uint8_t bytes[4096];
	ssize_t count;
	do
		count = recv(fd, bytes, sizeof bytes, 0);
	while (count < 0 && errno == EINTR);
	struct nlmsghdr *answer = (struct nlmsghdr *)bytes;
	if (count < (ssize_t)NLMSG_LENGTH(sizeof(struct nlmsgerr)) || answer->nlmsg_type != NLMSG_ERROR)
		return fail(err, "system", EPROTO, "%s", what), -EPROTO;
	int error = ((struct nlmsgerr *)NLMSG_DATA(answer))->error;
	if (error < 0)
		(void)fail(err, "system", -error, "%s", what);
	return error;
}
