#include "exit_record.h"
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>
#include "log_file.h"

void exit_record_write(const struct proc *proc)
{
	if (!proc->exit_path)
		return;
	char temporary[4096], text[256], time_text[40];
	format_time(proc->exit_time_ns, time_text);
	(void)snprintf(temporary, sizeof temporary, "%s.tmp", proc->exit_path);
	int length = snprintf(text, sizeof text, "{\"exitCode\":%d,\"signal\":%d,\"oom\":%s,\"time\":\"%s\"}\n", proc->exit_code, proc->signal, proc->oom ? "true" : "false", time_text);
	int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return;
	ssize_t written = write(fd, text, (size_t)length);
	(void)close(fd);
	if (written == length)
		(void)rename(temporary, proc->exit_path);
}
