#include "spawn_child.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "cleanup.h"
#include "paths.h"
#include "spawn_credentials.h"
#include "spawn_exec.h"
#include "spawn_report.h"
#include "spawn_terminal.h"

void child_take_stdio(struct spawn_stdio stdio)
{
	if (stdio.terminal)
		return; /* made once the container's own devices are there */
	int fds[3] = {stdio.in, stdio.out, stdio.err};
	for (int i = 0; i < 3; i++)
		fds[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, 10);
	for (int i = 0; i < 3; i++)
		(void)dup2(fds[i], i);
}

void child_begin_session(void)
{
	sigset_t none;
	sigemptyset(&none);
	for (int signal_number = 1; signal_number <= 64; signal_number++)
		(void)signal(signal_number, SIG_DFL);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)setsid();
	(void)umask(0022);
}

/* PID 1 of the container stays as its init; the command is its child. */
static void stay_as_init(void)
{
	pid_t child = fork();
	if (child == 0)
		return;
	report_end();
	for (int fd = 3; fd < 64; fd++)
		(void)close(fd);
	_exit(child < 0 ? 125 : init_supervise(child));
}

/* An init's directory is made, an exec's must be there. */
static int enter_directory(const char *path, int make)
{
	if (chdir(path) == 0)
		return 0;
	return make && errno == ENOENT && path_mkdirs(path, 0755) == 0 ? chdir(path) : -1;
}

static void make_terminal_controlling(uid_t owner)
{
	(void)ioctl(STDIN_FILENO, TIOCSCTTY, 0);
	(void)fchown(STDIN_FILENO, owner, (gid_t)-1);
}

static void take_terminal(struct fields request, int is_init, uid_t owner)
{
	struct error err;
	int master = spawn_terminal_open(request, is_init, &err);
	if (master < 0)
		report_failure(&err);
	report_master(master);
	(void)close(master);
	make_terminal_controlling(owner);
}

/* Who runs what, as the container's own files say. */
struct command {
	struct resolved_user user;
	char **arguments, **environment;
};

static struct command look_up(struct fields request)
{
	struct error err;
	struct command command = {.arguments = fields_strings(request, TAG_ARG)};
	cleanup_free char *name = fields_string(request, TAG_USER);
	cleanup_free char **group_add = fields_strings(request, TAG_GROUP_ADD);
	cleanup_close int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (!command.arguments || !command.arguments[0]) {
		fail(&err, "invalid", 0, "no command");
		report_failure(&err);
	}
	if (user_resolve(root, name ? name : "", group_add, &command.user, &err) < 0)
		report_failure(&err);
	command.environment = spawn_environment(request, command.user.home);
	return command;
}

static _Noreturn void execute(struct fields request, const struct command *command, int is_init, bool filtered)
{
	struct error err;
	cleanup_free char *cwd = fields_string(request, TAG_CWD);
	if (enter_directory(cwd && *cwd ? cwd : "/", is_init) < 0) {
		if (errno == ENOENT)
			fail(&err, "not-found", 0, "chdir to cwd (\"%s\") set in config.json failed: no such file or directory", cwd);
		else
			fail(&err, "start", errno, "chdir to cwd (\"%s\")", cwd);
		report_failure(&err);
	}
	if (spawn_become(request, &command->user, filtered, &err) == 0)
		spawn_execute(command->arguments, command->environment, &err);
	report_failure(&err);
}

static bool wants_init(struct fields request) { return fields_number(request, TAG_INIT, 0) == 1; }

_Noreturn void child_become_command(struct fields request, int terminal, int is_init)
{
	struct error err;
	struct command command = look_up(request);
	if (is_init && wants_init(request))
		stay_as_init();
	child_begin_session();
	if (terminal)
		take_terminal(request, is_init, command.user.uid);
	if (spawn_set_limits(request, 0, &err) < 0 || spawn_restrict(request, &err) < 0)
		report_failure(&err);
	execute(request, &command, is_init, false);
}

_Noreturn void child_become_prepared(struct fields request, int terminal)
{
	struct command command = look_up(request);
	if (wants_init(request)) {
		stay_as_init();
		(void)setsid();
	}
	if (terminal >= 0) {
		for (int fd = 0; fd < 3; fd++)
			(void)dup2(terminal, fd);
		make_terminal_controlling(command.user.uid);
	}
	execute(request, &command, 1, true);
}

void child_name_host(struct fields request)
{
	cleanup_free char *hostname = fields_string(request, TAG_HOSTNAME), *domainname = fields_string(request, TAG_DOMAINNAME);
	if (hostname)
		(void)sethostname(hostname, strlen(hostname));
	if (domainname && *domainname)
		(void)setdomainname(domainname, strlen(domainname));
}

void child_adjust_oom_score(struct fields request, const char *path)
{
	char text[24];
	int64_t score = (int64_t)fields_number(request, TAG_OOM_SCORE_ADJ, 0);
	(void)snprintf(text, sizeof text, "%d", (int)score);
	if (score)
		(void)path_write(path, text);
}
