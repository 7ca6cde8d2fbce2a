#include "spawn_credentials.h"
#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

static uint64_t read_u64(const uint8_t *p)
{
	uint64_t number = 0;
	for (int i = 7; i >= 0; i--)
		number = number << 8 | p[i];
	return number;
}

int spawn_set_limits(struct fields request, pid_t pid, struct error *err)
{
	size_t cursor = 0;
	struct value value;
	while (fields_next(request, TAG_RLIMIT, &cursor, &value)) {
		if (value.size != 24)
			return fail(err, "invalid", 0, "a malformed RLIMIT");
		int resource = value.data[0];
		struct rlimit limit = {.rlim_cur = read_u64(value.data + 8), .rlim_max = read_u64(value.data + 16)}, ceiling;
		if (prlimit(pid, resource, &limit, NULL) == 0)
			continue;
		if (errno != EPERM || prlimit(pid, resource, NULL, &ceiling) < 0)
			return fail(err, "start", errno, "limit %d", resource);
		limit.rlim_max = ceiling.rlim_max;
		if (limit.rlim_cur > limit.rlim_max)
			limit.rlim_cur = limit.rlim_max;
		if (prlimit(pid, resource, &limit, NULL) < 0)
			return fail(err, "start", errno, "limit %d", resource);
	}
	return 0;
}

static int install_filter(struct fields request, struct error *err)
{
	struct value program = fields_get(request, TAG_SECCOMP);
	if (!program.data || program.size == 0)
		return 0;
	if (program.size % sizeof(struct sock_filter) != 0 || program.size / sizeof(struct sock_filter) > BPF_MAXINSNS)
		return fail(err, "invalid", 0, "a malformed SECCOMP");
	static struct sock_filter instructions[BPF_MAXINSNS];
	memcpy(instructions, program.data, program.size);
	struct sock_fprog filter = {.len = (unsigned short)(program.size / sizeof(struct sock_filter)), .filter = instructions};
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter) < 0)
		return fail(err, "start", errno, "the seccomp filter");
	return 0;
}

static int set_capabilities(uint64_t effective, uint64_t permitted, uint64_t inheritable, struct error *err)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {
		{(uint32_t)effective, (uint32_t)permitted, (uint32_t)inheritable},
		{(uint32_t)(effective >> 32), (uint32_t)(permitted >> 32), (uint32_t)(inheritable >> 32)},
	};
	return syscall(SYS_capset, &head, data) < 0 ? fail(err, "start", errno, "capabilities") : 0;
}

/* Those that this kernel knows. */
static uint64_t known_capabilities(void)
{
	static uint64_t known;
	for (int capability = known ? 64 : 0; capability < 64 && prctl(PR_CAPBSET_READ, capability) >= 0; capability++)
		known |= 1ull << capability;
	return known;
}

static bool wants_no_new_privs(struct fields request) { return fields_number(request, TAG_NO_NEW_PRIVS, 0) == 1; }

int spawn_restrict(struct fields request, struct error *err)
{
	uint64_t dropped = known_capabilities() & ~fields_number(request, TAG_CAP_BOUNDING, 0);
	/* Without no_new_privs the filter needs CAP_SYS_ADMIN, so it is installed while we have it. */
	if (!wants_no_new_privs(request) && install_filter(request, err) < 0)
		return -1;
	for (int capability = 0; capability < 64; capability++)
		if (dropped >> capability & 1 && prctl(PR_CAPBSET_READ, capability) == 1 && prctl(PR_CAPBSET_DROP, capability) < 0)
			return fail(err, "start", errno, "the bounding set");
	return 0;
}

static int take_ids(const struct resolved_user *user, struct error *err)
{
	bool changes = user->uid != 0 || user->gid != 0;
	if (changes)
		(void)prctl(PR_SET_KEEPCAPS, 1);
	if (setgroups(user->group_count, user->groups) < 0 ||
	    (changes && (setresgid(user->gid, user->gid, user->gid) < 0 || setresuid(user->uid, user->uid, user->uid) < 0)))
		return fail(err, "start", errno, "becoming user %u:%u", user->uid, user->gid);
	if (changes)
		(void)prctl(PR_SET_KEEPCAPS, 0);
	return 0;
}

int spawn_become(struct fields request, const struct resolved_user *user, bool filtered, struct error *err)
{
	uint64_t known = known_capabilities(), ambient = fields_number(request, TAG_CAP_AMBIENT, 0);
	if (take_ids(user, err) < 0 || set_capabilities(fields_number(request, TAG_CAP_EFFECTIVE, 0) & known, fields_number(request, TAG_CAP_PERMITTED, 0) & known,
							fields_number(request, TAG_CAP_INHERITABLE, 0) & known, err) < 0)
		return -1;
	for (int capability = 0; capability < 64 && ambient; capability++)
		if (ambient >> capability & 1)
			(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0);
	if (!wants_no_new_privs(request))
		return 0;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return fail(err, "start", errno, "no_new_privs");
	return filtered ? 0 : install_filter(request, err);
}
