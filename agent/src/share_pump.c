#include "share_pump.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "cleanup.h"
#include "share_operations.h"
#include "virtio_port.h"
#include "write_all.h"

/* Between the kernel's FUSE device and the port: two processes, one for each way, so that neither waits for the other. */

static uint8_t buffer[SHARE_BUFFER];

static void pump_requests(int device, int port)
{
	for (;;) {
		ssize_t count = read(device, buffer, sizeof buffer);
		/* ENOENT: a request was given up before it was read. */
		if (count < 0 && (errno == EINTR || errno == ENOENT || errno == EAGAIN))
			continue;
		if (count <= 0 || write_all(port, buffer, (size_t)count) < 0)
			_exit(0);
	}
}

/* Whoever asked may be gone: an error is nobody's. */
static void hand_over(int device, const uint8_t *answer, size_t size)
{
	while (write(device, answer, size) < 0 && errno == EINTR)
		;
}

static void pump_answers(int device, int port)
{
	size_t filled = 0;
	for (;;) {
		ssize_t count = read(port, buffer + filled, sizeof buffer - filled);
		if (count < 0 && errno == EINTR)
			continue;
		if (count <= 0)
			_exit(0);
		filled += (size_t)count;
		struct fuse_out_header head;
		while (filled >= sizeof head) {
			memcpy(&head, buffer, sizeof head);
			if (head.len < sizeof head || head.len > sizeof buffer)
				_exit(0);
			if (filled < head.len)
				break;
			hand_over(device, buffer, head.len);
			filled -= head.len;
			memmove(buffer, buffer + head.len, filled);
		}
	}
}

static int start_pump(void (*pump)(int device, int port), int device, int port)
{
	pid_t pid = fork();
	if (pid != 0)
		return pid < 0 ? -1 : 0;
	sigset_t none;
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)setsid();
	/* Not the guest's first victim: all that has files would wait for ever. */
	int score = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	if (score >= 0)
		(void)!write(score, "-1000", 5);
	if (dup2(device, 3) < 0 || dup2(port, 4) < 0)
		_exit(1);
	(void)syscall(SYS_close_range, 5u, ~0u, 0);
	(void)prctl(PR_SET_NAME, "abode-files");
	pump(3, 4);
	_exit(0);
}

int share_mount(const char *target, unsigned long flags, struct error *err)
{
	char options[128];
	cleanup_close int port = virtio_port_open("abode.files");
	if (port < 0)
		return fail(err, "not-found", errno, "no virtio port is named abode.files");
	/* Out of the way of the numbers that a pump uses. */
	cleanup_close int opened = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	cleanup_close int device = opened < 0 ? -1 : fcntl(opened, F_DUPFD_CLOEXEC, 10);
	cleanup_close int far_port = fcntl(port, F_DUPFD_CLOEXEC, 10);
	if (device < 0 || far_port < 0)
		return fail(err, "system", errno, "/dev/fuse");
	(void)snprintf(options, sizeof options, "fd=%d,rootmode=40000,user_id=0,group_id=0,allow_other,default_permissions", device);
	if (mount("abode", target, "fuse", flags, options) < 0)
		return fail(err, "system", errno, "mounting the host's directories on %s", target);
	if (start_pump(pump_requests, device, far_port) < 0 || start_pump(pump_answers, device, far_port) < 0) {
		int saved = errno;
		(void)umount2(target, MNT_DETACH);
		return fail(err, "system", saved, "fork");
	}
	return 0;
}
