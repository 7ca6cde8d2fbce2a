#include "ports_confine.h"
#include <errno.h>
#include <linux/capability.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

int ports_confine(struct error *err)
{
	const uint32_t needed = 1u << CAP_NET_BIND_SERVICE | 1u << CAP_NET_ADMIN;
	for (int cap = 0; prctl(PR_CAPBSET_READ, cap) >= 0; cap++)
		if ((cap >= 32 || !(needed & 1u << cap)) && prctl(PR_CAPBSET_DROP, cap) < 0)
			return fail(err, "system", errno, "the bounding set");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return fail(err, "system", errno, "no_new_privs");
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {{.effective = needed, .permitted = needed}};
	return syscall(SYS_capset, &head, data) < 0 ? fail(err, "system", errno, "capabilities") : 0;
}
