#include "spawn_report.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* What a child tells its parent through a close-on-exec socket; a terminal's master comes along. */
struct report {
	char code[16];
	int saved_errno;
	pid_t pid; /* of an exec: the process itself */
	int has_master;
	char message[512];
};

static int report_socket = -1;

static void send_report(const struct report *report, int fd)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = {0};
	struct iovec iov = {.iov_base = (void *)report, .iov_len = sizeof *report};
	struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};
	if (fd >= 0) {
		message.msg_control = control.bytes;
		message.msg_controllen = sizeof control.bytes;
		struct cmsghdr *head = CMSG_FIRSTHDR(&message);
		head->cmsg_level = SOL_SOCKET;
		head->cmsg_type = SCM_RIGHTS;
		head->cmsg_len = CMSG_LEN(sizeof fd);
		memcpy(CMSG_DATA(head), &fd, sizeof fd);
	}
	(void)sendmsg(report_socket, &message, MSG_NOSIGNAL);
}

_Noreturn void report_failure(const struct error *err)
{
	struct report report = {.saved_errno = err->saved_errno};
	(void)snprintf(report.code, sizeof report.code, "%s", err->code);
	(void)snprintf(report.message, sizeof report.message, "%s", err->message);
	send_report(&report, -1);
	_exit(127);
}

int report_open(int ends[2], struct error *err)
{
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return fail(err, "system", errno, "a socket pair");
	return 0;
}

void report_from(int fd) { report_socket = fd; }
int report_descriptor(void) { return report_socket; }
void report_end(void)
{
	if (report_socket >= 0)
		(void)close(report_socket);
	report_socket = -1;
}

void report_master(int master)
{
	struct report report = {.has_master = 1};
	send_report(&report, master);
}

void report_pid(pid_t pid)
{
	struct report report = {.pid = pid};
	send_report(&report, -1);
}

/* One message; the descriptor that came with it, or -1. 0: the other side executed, or is gone. */
static ssize_t receive_report(int fd, struct report *report, int *passed)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec iov = {.iov_base = report, .iov_len = sizeof *report};
	struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
	ssize_t count;
	do
		count = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
	while (count < 0 && errno == EINTR);
	struct cmsghdr *head = count > 0 ? CMSG_FIRSTHDR(&message) : NULL;
	*passed = -1;
	if (head && head->cmsg_type == SCM_RIGHTS)
		memcpy(passed, CMSG_DATA(head), sizeof *passed);
	return count;
}

int report_take(int fd, pid_t *inner, int *master, struct error *err)
{
	struct report report;
	ssize_t count;
	int result = 0, passed;
	while ((count = receive_report(fd, &report, &passed)) != 0) {
		if (count != sizeof report)
			return fail(err, "start", errno, "the new process said nothing");
		if (report.has_master && passed >= 0) {
			*master = passed;
			continue;
		}
		if (report.pid) {
			*inner = report.pid;
			continue;
		}
		static const char *const codes[] = {"not-found", "not-executable", "invalid", "start"};
		const char *code = "start";
		for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
			if (strcmp(codes[i], report.code) == 0)
				code = codes[i];
		result = fail(err, code, 0, "%s", report.message);
		err->saved_errno = report.saved_errno;
	}
	return result;
}
