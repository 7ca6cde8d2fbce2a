/* The table of processes: their pipes or terminal, what came out of them, how they ended.
 *
 * A process is local (its descriptors are here) or remote (the guest's agent has them and sends frames). What comes out goes to
 * the sink: on the host the log and the clients, in the guest the link to the shim. Life: expected (a client attached before the start) ->
 * running -> exited (kept until it is released). */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "connection.h"

enum proc_state { PROC_EXPECTED, PROC_RUNNING, PROC_EXITED };

struct log_file;

struct proc {
	uint32_t id;
	enum proc_state state;
	bool remote, init, terminal, starting;
	bool stdin_open, stdin_once, stdin_closing;
	bool eof_early; /* a client ended its input before the start */
	bool helper;    /* of whoever asked for it alone: nobody releases it, it is forgotten when its end was told */
	pid_t pid;
	struct watch in, out[STREAM_COUNT]; /* with a terminal `in` and out[STREAM_STDOUT] are the same pty */
	uint8_t *pending;                   /* stdin that the process has not taken */
	size_t pending_size;
	uint64_t position[STREAM_COUNT];     /* bytes that passed: out of the process, or into it for stdin */
	uint64_t acknowledged[STREAM_COUNT]; /* what the other end of the guest's link has consumed */
	uint64_t unreported[STREAM_COUNT];   /* consumed here, not yet acknowledged to the other end */
	bool ended[STREAM_COUNT];
	bool exit_seen;
	int exit_code, signal;
	bool oom;
	uint64_t exit_time_ns;
	struct timer drain;
	struct log_file *log;
	char *exit_path, *container;
	char **cgroups, **cleanup;
	pid_t cleanup_pid;
	int held_namespace; /* the init's mount namespace: its taking down waits until the exit was told */
	struct connection *release_asker; /* RELEASE waits for the cleanup command */
	struct frame release_request;
	struct proc *next;
};

/* What becomes of a process's output and end. */
struct sink {
	bool keeps_records; /* on the host: the log and the exit record are written here */
	void (*data)(struct proc *proc, enum stream stream, const uint8_t *data, size_t size);
	void (*eof)(struct proc *proc, enum stream stream);
	void (*exit)(struct proc *proc);
	/* How many bytes of this stream may be read now. */
	size_t (*room)(struct proc *proc, enum stream stream);
	/* Stdin was taken by the process: size bytes. */
	void (*consumed)(struct proc *proc, size_t size);
};
extern const struct sink *proc_sink;

enum { PROC_MAX = 4096, STDIN_HIGH = 262144 };

struct proc *proc_find(uint32_t id);
struct proc *proc_find_pid(pid_t pid);
struct proc *proc_first(void);
/* Runs, and its pid is still its own: one that was reaped waits only for its output. */
bool proc_alive(const struct proc *proc);
/* Finds or creates; NULL when there are too many or no memory. */
struct proc *proc_obtain(uint32_t id);
void proc_forget(struct proc *proc);
/* Takes over the descriptors (any may be -1) and begins to read. */
void proc_run(struct proc *proc, pid_t pid, int in, int out, int err);
void proc_write_stdin(struct proc *proc, const uint8_t *data, size_t size);
void proc_end_stdin(struct proc *proc);
/* Looks again whether output may be read: the sink has room. */
void proc_resume(struct proc *proc);
/* The process ended with this wait status. */
void proc_exited(struct proc *proc, int status);
void proc_resize(struct proc *proc, unsigned rows, unsigned cols);
/* Says that output and exit are complete, once they are. */
void proc_settle(struct proc *proc);
uint64_t realtime_ns(void);
