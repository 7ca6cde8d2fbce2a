#include "spawner.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "cleanup.h"
#include "connection.h"
#include "shim_socket.h"

/* Where the daemon talks to this process, and where a shim finds the socket that it listens on. */
enum { SERVED = 3, LISTENER = 3 };

static struct connection daemon_connection;
static const char *shim_program;

static _Noreturn void become_shim(char *directory, int listener, int ephemeral)
{
	int null = open("/dev/null", O_RDWR);
	for (int fd = 0; fd < 3; fd++)
		(void)dup2(null, fd);
	(void)dup2(listener, LISTENER);
	(void)syscall(SYS_close_range, LISTENER + 1u, ~0u, 0);
	(void)signal(SIGCHLD, SIG_DFL);
	char *const arguments[] = {(char *)shim_program, "shim", directory, ephemeral ? "--ephemeral" : NULL, NULL};
	char *const environment[] = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8", NULL};
	execve(shim_program, arguments, environment);
	_exit(127);
}

/* Listens before it answers, so that the daemon can connect while the shim still begins. */
static int spawn_shim(struct fields request, struct error *err)
{
	cleanup_free char *directory = fields_string(request, TAG_PATH);
	if (!directory)
		return fail(err, "invalid", 0, "SPAWN_SHIM without PATH");
	cleanup_close int listener = shim_listen(directory, err);
	if (listener < 0)
		return -1;
	if (access(shim_program, X_OK) < 0)
		return fail(err, "system", errno, "%s", shim_program);
	pid_t pid = fork();
	if (pid == 0)
		become_shim(directory, listener, fields_number(request, TAG_EPHEMERAL, 0) != 0);
	return pid < 0 ? fail(err, "system", errno, "fork") : 0;
}

static void on_frame(struct connection *connection, const struct frame *frame)
{
	struct builder answer = {0};
	struct error err;
	if (frame->type != FRAME_SPAWN_SHIM) {
		fail(&err, "unsupported", 0, "type 0x%02x is not for a spawner", frame->type);
		connection_refuse(connection, frame, &err);
	} else if (spawn_shim((struct fields){frame->payload, frame->size}, &err) < 0) {
		connection_refuse(connection, frame, &err);
	} else {
		connection_answer(connection, frame, &answer);
	}
}

static void on_close(struct connection *connection, const struct error *err)
{
	(void)connection;
	(void)err;
	loop_stop();
}

int spawner_main(const char *program)
{
	shim_program = program;
	(void)setsid();
	(void)chdir("/");
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGHUP, SIG_IGN);
	(void)signal(SIGCHLD, SIG_IGN); /* no zombies: nobody asks how a shim ended */
	(void)fcntl(SERVED, F_SETFL, fcntl(SERVED, F_GETFL) | O_NONBLOCK);
	(void)fcntl(SERVED, F_SETFD, FD_CLOEXEC);
	loop_init();
	daemon_connection.on_frame = on_frame;
	daemon_connection.on_close = on_close;
	connection_init(&daemon_connection, SERVED);
	loop_run();
	return 0;
}
