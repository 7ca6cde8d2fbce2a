#include "proc.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "cgroup.h"
#include "log_file.h"

const struct sink *proc_sink;
static struct proc *procs;
static size_t proc_count;

uint64_t realtime_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

struct proc *proc_first(void) { return procs; }

bool proc_alive(const struct proc *proc) { return proc->state == PROC_RUNNING && !proc->exit_seen; }

struct proc *proc_find(uint32_t id)
{
	for (struct proc *proc = procs; proc; proc = proc->next)
		if (proc->id == id)
			return proc;
	return NULL;
}

struct proc *proc_find_pid(pid_t pid)
{
	for (struct proc *proc = procs; proc; proc = proc->next)
		if (proc->pid == pid && proc->state == PROC_RUNNING && !proc->remote && !proc->exit_seen)
			return proc;
	return NULL;
}

static void drain_expired(struct timer *timer);

struct proc *proc_obtain(uint32_t id)
{
	struct proc *proc = proc_find(id);
	if (proc || proc_count >= PROC_MAX)
		return proc;
	proc = calloc(1, sizeof *proc);
	if (!proc)
		return NULL;
	proc->id = id;
	proc->in.fd = -1;
	proc->held_namespace = -1;
	for (int i = 0; i < STREAM_COUNT; i++)
		proc->out[i].fd = -1;
	proc->drain = (struct timer){.expired = drain_expired, .owner = proc};
	proc->next = procs;
	procs = proc;
	proc_count++;
	return proc;
}

static void close_watch(struct watch *watch)
{
	loop_forget(watch);
	if (watch->fd >= 0)
		(void)close(watch->fd);
	watch->fd = -1;
}

static void close_stdin(struct proc *proc)
{
	close_watch(&proc->in);
	free(proc->pending);
	proc->pending = NULL;
	size_t dropped = proc->pending_size;
	proc->pending_size = 0;
	proc->stdin_open = false;
	if (dropped)
		proc_sink->consumed(proc, dropped);
}

void proc_forget(struct proc *proc)
{
	for (struct proc **at = &procs; *at; at = &(*at)->next) {
		if (*at == proc) {
			*at = proc->next;
			proc_count--;
			break;
		}
	}
	loop_disarm(&proc->drain);
	close_watch(&proc->in);
	for (int i = 0; i < STREAM_COUNT; i++)
		close_watch(&proc->out[i]);
	log_file_close(proc->log);
	if (proc->held_namespace >= 0)
		(void)close(proc->held_namespace);
	free(proc->pending);
	free(proc->exit_path);
	free(proc->container);
	free(proc->cgroups);
	free(proc->cleanup);
	free(proc);
}

static void end_output(struct proc *proc, enum stream stream)
{
	if (proc->ended[stream])
		return;
	proc->ended[stream] = true;
	close_watch(&proc->out[stream]);
	proc_sink->eof(proc, stream);
}

/* Reads once; false when there is nothing to read now (or no room, or the stream ended). */
static bool pump(struct proc *proc, enum stream stream)
{
	static uint8_t buffer[FRAME_MAX_DATA];
	struct watch *watch = &proc->out[stream];
	if (watch->fd < 0)
		return false;
	size_t room = proc_sink->room(proc, stream);
	if (room == 0) {
		loop_watch(watch, 0);
		return false;
	}
	ssize_t count = read(watch->fd, buffer, room < sizeof buffer ? room : sizeof buffer);
	if (count > 0) {
		proc->position[stream] += (uint64_t)count;
		proc_sink->data(proc, stream, buffer, (size_t)count);
		return true;
	}
	if (count < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	end_output(proc, stream); /* 0, or EIO: the terminal's last user is gone */
	return false;
}

/* What is there now and no more: a survivor may write for ever. */
static void drain(struct proc *proc, enum stream stream)
{
	int left = 0;
	if (proc->out[stream].fd < 0 || ioctl(proc->out[stream].fd, FIONREAD, &left) < 0)
		left = 0;
	uint64_t end = proc->position[stream] + (uint64_t)left;
	while (proc->position[stream] < end && pump(proc, stream))
		;
}

static void output_ready(struct watch *watch, uint32_t events)
{
	(void)events;
	struct proc *proc = watch->owner;
	(void)pump(proc, watch == &proc->out[STREAM_STDERR] ? STREAM_STDERR : STREAM_STDOUT);
	proc_settle(proc);
}

static void flush_stdin(struct proc *proc)
{
	size_t taken = 0;
	while (taken < proc->pending_size) {
		ssize_t count = write(proc->in.fd, proc->pending + taken, proc->pending_size - taken);
		if (count < 0 && errno == EINTR)
			continue;
		if (count < 0 && errno == EAGAIN)
			break;
		if (count < 0) { /* the process does not read any more: what is left is lost, as in a shell */
			close_stdin(proc);
			return;
		}
		taken += (size_t)count;
	}
	memmove(proc->pending, proc->pending + taken, proc->pending_size - taken);
	proc->pending_size -= taken;
	loop_watch(&proc->in, proc->pending_size ? EPOLLOUT : 0);
	if (taken)
		proc_sink->consumed(proc, taken);
	if (!proc->pending_size && proc->stdin_closing)
		close_stdin(proc);
}

static void stdin_ready(struct watch *watch, uint32_t events)
{
	(void)events;
	flush_stdin(watch->owner);
}

void proc_run(struct proc *proc, pid_t pid, int in, int out, int err)
{
	proc->state = PROC_RUNNING;
	proc->starting = false;
	proc->pid = pid;
	proc->in = (struct watch){.fd = in, .ready = stdin_ready, .owner = proc};
	proc->out[STREAM_STDOUT] = (struct watch){.fd = out, .ready = output_ready, .owner = proc};
	proc->out[STREAM_STDERR] = (struct watch){.fd = err, .ready = output_ready, .owner = proc};
	proc->stdin_open = in >= 0;
	if (proc->eof_early && (proc->stdin_once || !proc->init) && !proc->terminal)
		proc->stdin_closing = true;
	if (in >= 0 && proc->pending_size)
		flush_stdin(proc);
	else if (in >= 0 && proc->stdin_closing)
		close_stdin(proc);
	proc_resume(proc);
	for (enum stream stream = STREAM_STDOUT; stream <= STREAM_STDERR; stream++)
		if (proc->out[stream].fd < 0)
			end_output(proc, stream);
}

void proc_write_stdin(struct proc *proc, const uint8_t *data, size_t size)
{
	/* Before the start it waits for the process; afterwards a process without an open stdin swallows nothing. */
	if (size == 0 || (proc->state != PROC_EXPECTED && proc->in.fd < 0) || proc->state == PROC_EXITED || proc->stdin_closing) {
		proc_sink->consumed(proc, size);
		return;
	}
	uint8_t *grown = realloc(proc->pending, proc->pending_size + size);
	if (!grown) {
		proc_sink->consumed(proc, size);
		return;
	}
	proc->pending = grown;
	memcpy(grown + proc->pending_size, data, size);
	proc->pending_size += size;
	if (proc->in.fd >= 0)
		flush_stdin(proc);
}

void proc_end_stdin(struct proc *proc)
{
	/* The end of a client's input is no hang-up of the terminal. */
	if (proc->terminal)
		return;
	proc->stdin_closing = true;
	if (proc->in.fd >= 0 && !proc->pending_size)
		close_stdin(proc);
}

void proc_resume(struct proc *proc)
{
	if (proc->state != PROC_RUNNING || proc->remote)
		return;
	for (enum stream stream = STREAM_STDOUT; stream <= STREAM_STDERR; stream++)
		if (proc->out[stream].fd >= 0)
			loop_watch(&proc->out[stream], proc_sink->room(proc, stream) ? EPOLLIN : 0);
}

void proc_resize(struct proc *proc, unsigned rows, unsigned cols)
{
	struct winsize size = {.ws_row = (unsigned short)rows, .ws_col = (unsigned short)cols};
	if (proc->terminal && proc->out[STREAM_STDOUT].fd >= 0)
		(void)ioctl(proc->out[STREAM_STDOUT].fd, TIOCSWINSZ, &size);
}

void proc_exited(struct proc *proc, int status)
{
	proc->exit_seen = true;
	proc->exit_time_ns = realtime_ns();
	proc->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
	proc->exit_code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	if (proc->init)
		proc->oom = cgroup_oom_killed(proc->cgroups);
	for (enum stream stream = STREAM_STDOUT; stream <= STREAM_STDERR; stream++)
		drain(proc, stream);
	loop_arm(&proc->drain, proc->init ? 2000 : 50);
	proc_settle(proc);
}

/* The process is gone, others hold its output open: what is there was read, the rest is not waited for. */
static void drain_expired(struct timer *timer)
{
	struct proc *proc = timer->owner;
	bool held = false;
	for (enum stream stream = STREAM_STDOUT; stream <= STREAM_STDERR; stream++) {
		drain(proc, stream);
		if (proc->out[stream].fd >= 0 && proc_sink->room(proc, stream) == 0)
			held = true;
		else
			end_output(proc, stream);
	}
	if (held)
		loop_arm(timer, 50);
	proc_settle(proc);
}

void proc_settle(struct proc *proc)
{
	if (proc->state != PROC_RUNNING || !proc->exit_seen || !proc->ended[STREAM_STDOUT] || !proc->ended[STREAM_STDERR])
		return;
	loop_disarm(&proc->drain);
	proc->state = PROC_EXITED;
	close_stdin(proc);
	proc_sink->exit(proc);
}
