#include <errno.h>
#include <fcntl.h>
#include <linux/random.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>
#include "cleanup.h"
#include "operations.h"
#include "paths.h"
#include "proc.h"

/* Clones share the state of the kernel's random generator until fresh entropy is added and a reseed is forced (random(4)). */
static int reseed(struct value entropy, struct error *err)
{
	struct {
		struct rand_pool_info head;
		uint8_t bytes[512];
	} pool;
	if (entropy.size < 32 || entropy.size > sizeof pool.bytes)
		return fail(err, "invalid", 0, "ENTROPY of %zu bytes", entropy.size);
	static int fd = -1; /* kept: a clone has it open already */
	if (fd < 0)
		fd = open("/dev/urandom", O_RDWR | O_CLOEXEC);
	pool.head.entropy_count = (int)entropy.size * 8;
	pool.head.buf_size = (int)entropy.size;
	memcpy(pool.head.buf, entropy.data, entropy.size);
	if (fd < 0 || ioctl(fd, RNDADDENTROPY, &pool) < 0 || ioctl(fd, RNDRESEEDCRNG) < 0)
		return fail(err, "system", errno, "reseeding the random generator");
	explicit_bzero(&pool, sizeof pool);
	return 0;
}

/* Always of one length, so that it is written over what the template had. */
static int write_machine_id(const char *id, struct error *err)
{
	enum { LENGTH = 32 };
	static int fd = -1;
	char line[LENGTH + 1];
	if (strlen(id) != LENGTH)
		return fail(err, "invalid", 0, "MACHINE_ID %s", id);
	memcpy(line, id, LENGTH);
	line[LENGTH] = '\n';
	if (fd < 0)
		fd = open("/etc/machine-id", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0444);
	if (fd < 0 || pwrite(fd, line, sizeof line, 0) != sizeof line)
		return fail(err, "system", errno, "writing /etc/machine-id");
	return 0;
}

int operation_identity(struct fields request, struct builder *answer, struct error *err)
{
	(void)answer;
	struct value entropy = fields_get(request, TAG_ENTROPY);
	if (entropy.data && reseed(entropy, err) < 0)
		return -1;
	(void)realtime_ns(); /* in a template: the first look at the clock is slow */
	uint64_t now = fields_number(request, TAG_TIME, 0);
	struct timespec time = {.tv_sec = (time_t)(now / 1000000000u), .tv_nsec = (long)(now % 1000000000u)};
	if (now && clock_settime(CLOCK_REALTIME, &time) < 0)
		return fail(err, "system", errno, "setting the clock");
	cleanup_free char *machine_id = fields_string(request, TAG_MACHINE_ID), *hostname = fields_string(request, TAG_HOSTNAME);
	if (machine_id && write_machine_id(machine_id, err) < 0)
		return -1;
	if (hostname && sethostname(hostname, strlen(hostname)) < 0)
		return fail(err, "system", errno, "setting the host name");
	return 0;
}
