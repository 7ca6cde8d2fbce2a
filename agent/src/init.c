#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "operations.h"

int init_supervise(pid_t child)
{
	sigset_t all;
	sigfillset(&all);
	(void)sigprocmask(SIG_BLOCK, &all, NULL);
	for (;;) {
		int status;
		pid_t pid;
		while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
			if (pid == child)
				return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
		if (pid < 0 && errno == ECHILD)
			return 255;
		int signal_number = sigwaitinfo(&all, NULL);
		if (signal_number > 0 && signal_number != SIGCHLD)
			(void)kill(child, signal_number);
	}
}

int init_main(char **arguments)
{
	sigset_t all, none;
	sigfillset(&all);
	sigemptyset(&none);
	(void)sigprocmask(SIG_BLOCK, &all, NULL);
	pid_t child = fork();
	if (child == 0) {
		if (isatty(0)) {
			(void)setpgid(0, 0);
			(void)tcsetpgrp(0, getpid());
		}
		(void)sigprocmask(SIG_SETMASK, &none, NULL);
		execvp(arguments[0], arguments);
		int missing = errno == ENOENT;
		(void)fprintf(stderr, "exec: \"%s\": %s\n", arguments[0], strerror(errno));
		_exit(missing ? 127 : 126);
	}
	return child < 0 ? 125 : init_supervise(child);
}
