#include "qmp.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "loop.h"

enum { MAX_FDS = 8, MAX_LINE = 1 << 20 };

static struct command {
	char *text;
	int fds[MAX_FDS];
	unsigned fd_count;
	qmp_answer *answer;
	void *owner;
	struct command *next;
} *queue;

static struct watch watch = {.fd = -1};
static char *line;
static size_t line_size, line_capacity;
static bool in_flight;

static void send_first(void)
{
	if (!queue || in_flight || watch.fd < 0)
		return;
	union {
		char bytes[CMSG_SPACE(sizeof(int) * MAX_FDS)];
		struct cmsghdr align;
	} control = {0};
	struct iovec iov = {.iov_base = queue->text, .iov_len = strlen(queue->text)};
	struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};
	if (queue->fd_count) {
		message.msg_control = control.bytes;
		message.msg_controllen = CMSG_SPACE(sizeof(int) * queue->fd_count);
		struct cmsghdr *head = CMSG_FIRSTHDR(&message);
		head->cmsg_level = SOL_SOCKET;
		head->cmsg_type = SCM_RIGHTS;
		head->cmsg_len = CMSG_LEN(sizeof(int) * queue->fd_count);
		memcpy(CMSG_DATA(head), queue->fds, sizeof(int) * queue->fd_count);
	}
	in_flight = true;
	/* A command is far smaller than the socket's buffer, which is empty: the former one was answered. */
	if (sendmsg(watch.fd, &message, MSG_NOSIGNAL) < (ssize_t)iov.iov_len)
		qmp_close();
}

static void answer_first(const char *text, bool is_error)
{
	struct command *command = queue;
	queue = command->next;
	in_flight = false;
	for (unsigned i = 0; i < command->fd_count; i++)
		(void)close(command->fds[i]);
	if (command->owner)
		command->answer(command->owner, text, is_error);
	free(command->text);
	free(command);
}

static void take_line(char *text)
{
	bool is_error = strncmp(text, "{\"error\"", 8) == 0 || (strncmp(text, "{\"id\"", 5) == 0 && strstr(text, "\"error\": {\"class\""));
	if (queue && in_flight && (is_error || strncmp(text, "{\"return\"", 9) == 0)) {
		answer_first(text, is_error);
		send_first();
	}
}

static void ready(struct watch *self, uint32_t events)
{
	(void)self;
	(void)events;
	if (line_capacity - line_size < 4096) {
		char *grown = line_capacity >= MAX_LINE ? NULL : realloc(line, line_capacity * 2 + 8192);
		if (!grown) {
			qmp_close();
			return;
		}
		line = grown;
		line_capacity = line_capacity * 2 + 8192;
	}
	ssize_t count = read(watch.fd, line + line_size, line_capacity - line_size - 1);
	if (count < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (count <= 0) {
		qmp_close();
		return;
	}
	line_size += (size_t)count;
	char *newline;
	while (watch.fd >= 0 && (newline = memchr(line, '\n', line_size))) {
		*newline = 0;
		if (newline > line && newline[-1] == '\r')
			newline[-1] = 0;
		take_line(line);
		size_t used = (size_t)(newline - line) + 1;
		memmove(line, line + used, line_size - used);
		line_size -= used;
	}
}

void qmp_open(int fd)
{
	watch = (struct watch){.fd = fd, .ready = ready};
	loop_watch(&watch, EPOLLIN);
	send_first();
}

void qmp_close(void)
{
	if (watch.fd >= 0) {
		loop_forget(&watch);
		(void)close(watch.fd);
		watch.fd = -1;
	}
	while (queue)
		answer_first(NULL, true);
}

void qmp_send(const char *text, const int *fds, unsigned fd_count, qmp_answer *answer, void *owner)
{
	struct command *command = calloc(1, sizeof *command);
	size_t size = strlen(text);
	if (command && (command->text = malloc(size + 2))) {
		memcpy(command->text, text, size);
		memcpy(command->text + size, "\n", 2);
		command->answer = answer;
		command->owner = owner;
		command->fd_count = fd_count > MAX_FDS ? MAX_FDS : fd_count;
		memcpy(command->fds, fds, sizeof(int) * command->fd_count);
		struct command **end = &queue;
		while (*end)
			end = &(*end)->next;
		*end = command;
		send_first();
		return;
	}
	free(command);
	answer(owner, NULL, true);
}

void qmp_disown(void *owner)
{
	for (struct command *command = queue; command; command = command->next)
		if (command->owner == owner)
			command->owner = NULL;
}

void qmp_drop_queue(void)
{
	while (queue && !in_flight)
		answer_first(NULL, true);
}
