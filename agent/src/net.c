#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <linux/veth.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>
#include "cleanup.h"
#include "netlink.h"
#include "operations.h"
#include "paths.h"

enum { NETNS_PATH = 4096 };

static int set_link(int netlink, const char *name, unsigned flags, unsigned change, const uint8_t *mac, unsigned master, unsigned mtu, struct error *err)
{
	struct netlink_message message;
	struct ifinfomsg info = {.ifi_flags = flags, .ifi_change = change};
	netlink_begin(&message, RTM_NEWLINK, 0, &info, sizeof info);
	netlink_add_string(&message, IFLA_IFNAME, name);
	if (mac)
		netlink_add(&message, IFLA_ADDRESS, mac, 6);
	if (master)
		netlink_add_u32(&message, IFLA_MASTER, master);
	if (mtu)
		netlink_add_u32(&message, IFLA_MTU, mtu);
	return netlink_do(netlink, &message, name, err) < 0 ? -1 : 0;
}

/* "10.0.0.2/16" or an IPv6 address; gives the family, 0 when it is neither. */
static int parse_address(const char *text, uint8_t bytes[16], unsigned *prefix)
{
	char copy[64];
	(void)snprintf(copy, sizeof copy, "%s", text);
	char *slash = strchr(copy, '/');
	int family = strchr(copy, ':') ? AF_INET6 : AF_INET;
	*prefix = family == AF_INET ? 32 : 128;
	if (slash) {
		*slash = 0;
		*prefix = (unsigned)strtoul(slash + 1, NULL, 10);
	}
	return inet_pton(family, copy, bytes) == 1 ? family : 0;
}

static int add_address(int netlink, unsigned interface, const char *text, struct error *err)
{
	uint8_t bytes[16];
	unsigned prefix;
	int family = parse_address(text, bytes, &prefix);
	struct ifaddrmsg info = {
		.ifa_family = (uint8_t)family, .ifa_prefixlen = (uint8_t)prefix, .ifa_flags = family == AF_INET6 ? IFA_F_NODAD : 0, .ifa_index = interface,
	};
	struct netlink_message message;
	size_t size = family == AF_INET ? 4 : 16;
	if (!family)
		return fail(err, "invalid", 0, "address %s", text);
	netlink_begin(&message, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, &info, sizeof info);
	netlink_add(&message, IFA_LOCAL, bytes, size);
	netlink_add(&message, IFA_ADDRESS, bytes, size);
	if (family == AF_INET && prefix < 31) {
		uint32_t broadcast, address;
		memcpy(&address, bytes, 4);
		broadcast = address | htonl(0xffffffffu >> prefix);
		netlink_add(&message, IFA_BROADCAST, &broadcast, 4);
	}
	return netlink_do(netlink, &message, text, err) < 0 ? -1 : 0;
}

static int add_default_route(int netlink, unsigned interface, const char *gateway, struct error *err)
{
	uint8_t bytes[16];
	unsigned prefix;
	int family = parse_address(gateway, bytes, &prefix);
	struct rtmsg info = {
		.rtm_family = (uint8_t)family, .rtm_table = RT_TABLE_MAIN, .rtm_protocol = RTPROT_BOOT, .rtm_scope = RT_SCOPE_UNIVERSE, .rtm_type = RTN_UNICAST,
	};
	struct netlink_message message;
	if (!family)
		return fail(err, "invalid", 0, "gateway %s", gateway);
	netlink_begin(&message, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, &info, sizeof info);
	netlink_add(&message, RTA_GATEWAY, bytes, family == AF_INET ? 4 : 16);
	netlink_add_u32(&message, RTA_OIF, interface);
	return netlink_do(netlink, &message, gateway, err) < 0 ? -1 : 0;
}

static bool has_ipv6(char *const *addresses)
{
	for (; *addresses; addresses++)
		if (strchr(*addresses, ':'))
			return true;
	return false;
}

/* Without addresses of its own an interface has none that it gave itself; the loopback has ::1. */
static void switch_ipv6(const char *name, bool on)
{
	char path[128];
	(void)snprintf(path, sizeof path, "/proc/sys/net/ipv6/conf/%s/disable_ipv6", name);
	(void)path_write(path, on ? "0" : "1");
}

/* What the interface was called before: a machine of the pool was somebody else while it warmed up. */
static void drop_address(const char *name)
{
	struct ifreq request = {0};
	cleanup_close int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	(void)snprintf(request.ifr_name, sizeof request.ifr_name, "%s", name);
	if (fd < 0 || ioctl(fd, SIOCGIFADDR, &request) < 0)
		return;
	memset(&request.ifr_addr, 0, sizeof request.ifr_addr);
	request.ifr_addr.sa_family = AF_INET;
	(void)ioctl(fd, SIOCSIFADDR, &request);
}

/* ADDRESS* and GATEWAY*, in the namespace that the caller is in. */
static int add_addresses(int netlink, unsigned interface, struct fields request, struct error *err)
{
	cleanup_free char **addresses = fields_strings(request, TAG_ADDRESS), **gateways = fields_strings(request, TAG_GATEWAY);
	if (!addresses || !gateways)
		return fail(err, "invalid", 0, "the addresses");
	for (char **address = addresses; *address; address++)
		if (add_address(netlink, interface, *address, err) < 0)
			return -1;
	for (char **gateway = gateways; *gateway; gateway++)
		if (add_default_route(netlink, interface, *gateway, err) < 0)
			return -1;
	return 0;
}

/* Up; without an IPv6 address the interface speaks none, as Docker has it: no link-local address, no router is asked. */
static int configure(int netlink, struct fields request, const char *name, struct error *err)
{
	cleanup_free char **addresses = fields_strings(request, TAG_ADDRESS);
	if (addresses && !has_ipv6(addresses))
		switch_ipv6(name, false);
	if (set_link(netlink, name, IFF_UP, IFF_UP, NULL, 0, 0, err) < 0)
		return -1;
	return add_addresses(netlink, if_nametoindex(name), request, err);
}

static int loopback_up(struct error *err)
{
	cleanup_close int netlink = netlink_open(err);
	return netlink < 0 ? -1 : set_link(netlink, "lo", IFF_UP, IFF_UP, NULL, 0, 0, err);
}

static int netns_path(struct fields request, char path[NETNS_PATH], struct error *err)
{
	cleanup_free char *name = fields_string(request, TAG_NETNS);
	if (!name || !*name || strstr(name, ".."))
		return fail(err, "invalid", 0, "NETNS");
	(void)snprintf(path, NETNS_PATH, name[0] == '/' ? "%s" : "/run/netns/%s", name);
	return 0;
}

/* A new namespace bound at path. The caller is inside it afterwards and gets its former one to return to. */
static int enter_new_netns(const char *path, int *former, struct error *err)
{
	char parent[NETNS_PATH];
	(void)snprintf(parent, sizeof parent, "%s", path);
	*strrchr(parent, '/') = 0;
	int file = path_mkdirs(parent, 0755) < 0 ? -1 : open(path, O_RDONLY | O_CREAT | O_CLOEXEC, 0444);
	if (file < 0)
		return fail(err, "system", errno, "create %s", path);
	(void)close(file);
	*former = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (*former < 0 || unshare(CLONE_NEWNET) < 0)
		return fail(err, "system", errno, "a network namespace");
	if (mount("/proc/self/ns/net", path, NULL, MS_BIND, NULL) < 0) {
		fail(err, "system", errno, "bind %s", path);
		(void)setns(*former, CLONE_NEWNET);
		return -1;
	}
	return 0;
}

int operation_net_loopback(struct fields request, struct builder *answer, struct error *err)
{
	(void)answer;
	char path[NETNS_PATH];
	cleanup_close int former = -1;
	if (netns_path(request, path, err) < 0 || enter_new_netns(path, &former, err) < 0)
		return -1;
	int result = loopback_up(err);
	if (setns(former, CLONE_NEWNET) < 0)
		return fail(err, "system", errno, "leaving %s", path);
	return result;
}

static void veth_message(struct netlink_message *message, const char *outside, const char *inside, int netns, const uint8_t *mac, unsigned bridge, unsigned mtu)
{
	struct ifinfomsg info = {.ifi_family = AF_UNSPEC, .ifi_flags = IFF_UP, .ifi_change = IFF_UP}, peer = {.ifi_family = AF_UNSPEC};
	netlink_begin(message, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &info, sizeof info);
	netlink_add_string(message, IFLA_IFNAME, outside);
	netlink_add_u32(message, IFLA_MTU, mtu);
	netlink_add_u32(message, IFLA_MASTER, bridge);
	size_t link = netlink_nest(message, IFLA_LINKINFO);
	netlink_add_string(message, IFLA_INFO_KIND, "veth");
	size_t data = netlink_nest(message, IFLA_INFO_DATA);
	size_t other = netlink_nest(message, VETH_INFO_PEER);
	memcpy(message->bytes + message->size, &peer, sizeof peer);
	message->size += NLMSG_ALIGN(sizeof peer);
	netlink_add_string(message, IFLA_IFNAME, inside);
	netlink_add_u32(message, IFLA_NET_NS_FD, (uint32_t)netns);
	netlink_add_u32(message, IFLA_MTU, mtu);
	netlink_add(message, IFLA_ADDRESS, mac, 6);
	netlink_end_nest(message, other);
	netlink_end_nest(message, data);
	netlink_end_nest(message, link);
}

/* Inside the new namespace: loopback and the veth's end. */
static int configure_inside(struct fields request, const char *inside, struct error *err)
{
	cleanup_close int netlink = netlink_open(err);
	if (netlink < 0 || set_link(netlink, "lo", IFF_UP, IFF_UP, NULL, 0, 0, err) < 0)
		return -1;
	return configure(netlink, request, inside, err);
}

static int delete_link(const char *name, struct error *err)
{
	unsigned index = if_nametoindex(name);
	if (index == 0)
		return 0;
	cleanup_close int netlink = netlink_open(err);
	struct ifinfomsg info = {.ifi_family = AF_UNSPEC, .ifi_index = (int)index};
	struct netlink_message message;
	if (netlink < 0)
		return -1;
	netlink_begin(&message, RTM_DELLINK, 0, &info, sizeof info);
	int result = netlink_do(netlink, &message, name, err);
	return result < 0 && result != -ENODEV ? -1 : 0;
}

int operation_net_veth(struct fields request, struct builder *answer, struct error *err)
{
	(void)answer;
	char path[NETNS_PATH];
	cleanup_free char *outside = fields_string(request, TAG_HOST_IF), *inside = fields_string(request, TAG_IFNAME), *bridge = fields_string(request, TAG_BRIDGE);
	struct value mac = fields_get(request, TAG_MAC);
	cleanup_close int former = -1, netns = -1, netlink = netlink_open(err);
	if (netlink < 0 || netns_path(request, path, err) < 0)
		return -1;
	if (!outside || !inside || !bridge || mac.size != 6 || strlen(outside) >= IFNAMSIZ || strlen(inside) >= IFNAMSIZ)
		return fail(err, "invalid", 0, "NET_VETH needs HOST_IF, IFNAME, BRIDGE and MAC");
	unsigned bridge_index = if_nametoindex(bridge);
	if (bridge_index == 0)
		return fail(err, "not-found", errno, "bridge %s", bridge);
	/* One container's former card may still be there: the kernel takes a namespace down after its last user is gone. */
	if (delete_link(outside, err) < 0)
		return -1;
	/* The netlink socket stays in the namespace where it was opened, whatever the thread enters. */
	if (enter_new_netns(path, &former, err) < 0)
		return -1;
	netns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	struct netlink_message message;
	veth_message(&message, outside, inside, netns, mac.data, bridge_index, (unsigned)fields_number(request, TAG_MTU, 1500));
	int result = netlink_do(netlink, &message, outside, err) < 0 ? -1 : configure_inside(request, inside, err);
	if (setns(former, CLONE_NEWNET) < 0)
		return fail(err, "system", errno, "leaving %s", path);
	if (result < 0) {
		(void)umount2(path, MNT_DETACH);
		(void)unlink(path);
	}
	return result;
}

/* The guest's card as it was left: in a clone its template's, so that only what differs is asked of the kernel. */
static struct {
	char name[IFNAMSIZ];
	unsigned index;
	int netlink;
	bool addressed, without_ipv6;
} card = {.netlink = -1};

static int open_card(const char *name, struct error *err)
{
	if (card.netlink < 0 && (card.netlink = netlink_open(err)) < 0)
		return -1;
	if (strcmp(card.name, name) != 0) {
		(void)snprintf(card.name, sizeof card.name, "%s", name);
		card.index = if_nametoindex(name);
		card.addressed = card.without_ipv6 = false;
	}
	return 0;
}

int operation_net_configure(struct fields request, struct builder *answer, struct error *err)
{
	(void)answer;
	cleanup_free char *name = fields_string(request, TAG_IFNAME);
	cleanup_free char **addresses = fields_strings(request, TAG_ADDRESS);
	struct value mac = fields_get(request, TAG_MAC);
	if (!name || !addresses)
		return fail(err, "invalid", 0, "NET_CONFIGURE without IFNAME");
	if (open_card(name, err) < 0)
		return -1;
	/* Most cards take a new address while they are up, which a template has them; others must be down for it. */
	const uint8_t *address = mac.size == 6 ? mac.data : NULL;
	unsigned mtu = (unsigned)fields_number(request, TAG_MTU, 0);
	if (set_link(card.netlink, name, IFF_UP, IFF_UP, address, 0, mtu, err) < 0 &&
	    (set_link(card.netlink, name, 0, IFF_UP, NULL, 0, 0, err) < 0 || set_link(card.netlink, name, 0, 0, address, 0, mtu, err) < 0 ||
	     set_link(card.netlink, name, IFF_UP, IFF_UP, NULL, 0, 0, err) < 0))
		return -1;
	bool without_ipv6 = !has_ipv6(addresses) && strcmp(name, "lo") != 0;
	if (without_ipv6 != card.without_ipv6)
		switch_ipv6(name, !without_ipv6);
	card.without_ipv6 = without_ipv6;
	if (*addresses && card.addressed)
		drop_address(name);
	card.addressed = card.addressed || *addresses;
	return add_addresses(card.netlink, card.index, request, err);
}

int operation_net_bridge(struct fields request, struct builder *answer, struct error *err)
{
	(void)answer;
	cleanup_free char *bridge = fields_string(request, TAG_BRIDGE), *port = fields_string(request, TAG_IFNAME);
	cleanup_close int netlink = netlink_open(err);
	if (netlink < 0)
		return -1;
	if (!bridge || !port)
		return fail(err, "invalid", 0, "NET_BRIDGE needs BRIDGE and IFNAME");
	if (if_nametoindex(bridge) == 0) {
		struct netlink_message message;
		struct ifinfomsg info = {.ifi_family = AF_UNSPEC};
		netlink_begin(&message, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &info, sizeof info);
		netlink_add_string(&message, IFLA_IFNAME, bridge);
		size_t link = netlink_nest(&message, IFLA_LINKINFO);
		netlink_add_string(&message, IFLA_INFO_KIND, "bridge");
		netlink_end_nest(&message, link);
		if (netlink_do(netlink, &message, bridge, err) < 0)
			return -1;
	}
	unsigned mtu = (unsigned)fields_number(request, TAG_MTU, 0);
	if (set_link(netlink, port, IFF_UP, IFF_UP, NULL, if_nametoindex(bridge), mtu, err) < 0)
		return -1;
	return set_link(netlink, bridge, IFF_UP, IFF_UP, NULL, 0, mtu, err);
}

int operation_net_delete(struct fields request, struct builder *answer, struct error *err)
{
	(void)answer;
	char path[NETNS_PATH];
	cleanup_free char *outside = fields_string(request, TAG_HOST_IF);
	if (fields_get(request, TAG_NETNS).data) {
		if (netns_path(request, path, err) < 0)
			return -1;
		(void)umount2(path, MNT_DETACH);
		(void)unlink(path);
	}
	return outside ? delete_link(outside, err) : 0;
}

int net_tap_open(const char *name, const char *bridge, unsigned mtu, struct error *err)
{
	cleanup_close int tap = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
	(void)snprintf(request.ifr_name, sizeof request.ifr_name, "%s", name);
	if (tap < 0 || ioctl(tap, TUNSETIFF, &request) < 0)
		return fail(err, "system", errno, "tap %s", name);
	unsigned index = bridge ? if_nametoindex(bridge) : 0;
	if (bridge && index == 0)
		return fail(err, "not-found", errno, "bridge %s", bridge);
	cleanup_close int netlink = netlink_open(err);
	if (netlink < 0 || set_link(netlink, name, IFF_UP, IFF_UP, NULL, index, mtu, err) < 0)
		return -1;
	return STEAL_FD(tap);
}
