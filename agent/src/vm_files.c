#include "vm_files.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>
#include "cgroup.h"
#include "children.h"
#include "cleanup.h"
#include "shim.h"

enum { SERVER_FD = 3 };

static int server_end = -1;
static struct job server;
static void (*tell_lost)(const struct error *err);

void vm_files_keep(int fd) { server_end = fd; }

static void server_ended(struct job *job, int status)
{
	struct error err;
	job->pid = 0;
	fail(&err, "files", 0, "the VM's file server ended (status 0x%x)", status);
	tell_lost(&err);
}

static void become_server(char *const *arguments, char *const *cgroups, pid_t parent)
{
	sigset_t none;
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)setpgid(0, 0);
	const char *failed;
	if (cgroup_join(cgroups, &failed) < 0)
		_exit(126);
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	(void)dup2(null, 0);
	(void)dup2(null, 1);
	/* Its own messages follow the shim's. */
	(void)dup2(shim_log_fd(), 2);
	if (server_end != SERVER_FD)
		(void)dup2(server_end, SERVER_FD);
	else
		(void)fcntl(SERVER_FD, F_SETFD, 0);
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
		_exit(126);
	char *const environment[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", NULL};
	execve(arguments[0], arguments, environment);
	(void)dprintf(2, "%s: %s\n", arguments[0], strerror(errno));
	_exit(127);
}

int vm_files_serve(struct fields request, void (*lost)(const struct error *err), struct error *err)
{
	cleanup_free char **arguments = fields_strings(request, TAG_ARG), **cgroups = fields_strings(request, TAG_CGROUP);
	if (server_end < 0)
		return fail(err, "invalid", 0, "this VM has no place for a file server, or has one already");
	if (!arguments || !arguments[0])
		return fail(err, "invalid", 0, "FILES_SERVE without a command");
	pid_t parent = getpid();
	bool inside;
	pid_t pid = cgroup_clone(cgroups, SIGCHLD, &inside);
	if (pid < 0)
		return fail(err, "system", errno, "clone");
	if (pid == 0)
		become_server(arguments, inside ? NULL : cgroups, parent);
	(void)close(server_end);
	server_end = -1;
	tell_lost = lost;
	server = (struct job){.pid = pid, .done = server_ended};
	children_expect(&server);
	return 0;
}

void vm_files_end(void)
{
	if (server_end >= 0)
		(void)close(server_end);
	server_end = -1;
	if (server.pid == 0)
		return;
	children_forget(&server);
	(void)kill(-server.pid, SIGKILL);
	(void)kill(server.pid, SIGKILL);
	server.pid = 0;
}
