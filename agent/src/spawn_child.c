#include "spawn_child.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
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

static void reset_signals(void)
{
	sigset_t none;
	sigemptyset(&none);
	for (int signal_number = 1; signal_number <= 64; signal_number++)
		(void)signal(signal_number, SIG_DFL);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
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

static void take_terminal(struct fields request, int is_init, uid_t owner)
{
	struct error err;
	int master = spawn_terminal_open(request, is_init, &err);
	if (master < 0)
		report_failure(&err);
	report_master(master);
	(void)close(master);
	(void)ioctl(STDIN_FILENO, TIOCSCTTY, 0);
	(void)fchown(STDIN_FILENO, owner, (gid_t)-1);
}

/* In the process to be, inside its namespaces and root: everything from its session to exec. */
_Noreturn void child_become_command(struct fields request, int terminal, int is_init)
{
	struct error err;
	struct resolved_user user;
	cleanup_free char *name = fields_string(request, TAG_USER), *cwd = fields_string(request, TAG_CWD);
	cleanup_free char **group_add = fields_strings(request, TAG_GROUP_ADD);
	char **arguments = fields_strings(request, TAG_ARG);
	int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (!arguments || !arguments[0]) {
		fail(&err, "invalid", 0, "no command");
		report_failure(&err);
	}
	if (user_resolve(root, name ? name : "", group_add, &user, &err) < 0)
		report_failure(&err);
	(void)close(root);
	char **environment = spawn_environment(request, user.home);
	if (is_init && fields_number(request, TAG_INIT, 0))
		stay_as_init();
	reset_signals();
	(void)setsid();
	if (terminal)
		take_terminal(request, is_init, user.uid);
	(void)umask(0022);
	if (enter_directory(cwd && *cwd ? cwd : "/", is_init) < 0) {
		if (errno == ENOENT)
			fail(&err, "not-found", 0, "chdir to cwd (\"%s\") set in config.json failed: no such file or directory", cwd);
		else
			fail(&err, "start", errno, "chdir to cwd (\"%s\")", cwd);
		report_failure(&err);
	}
	if (spawn_set_limits(request, &err) < 0 || spawn_drop_privileges(request, &user, &err) < 0)
		report_failure(&err);
	spawn_execute(arguments, environment, &err);
	report_failure(&err);
}

void child_name_host(struct fields request)
{
	cleanup_free char *hostname = fields_string(request, TAG_HOSTNAME), *domainname = fields_string(request, TAG_DOMAINNAME);
	if (hostname)
		(void)sethostname(hostname, strlen(hostname));
	if (domainname && *domainname)
		(void)setdomainname(domainname, strlen(domainname));
}

void child_adjust_oom_score(struct fields request)
{
	char text[24];
	int64_t score = (int64_t)fields_number(request, TAG_OOM_SCORE_ADJ, 0);
	(void)snprintf(text, sizeof text, "%d", (int)score);
	if (score)
		(void)path_write("/proc/self/oom_score_adj", text);
}
