/* The shim's clients: the daemon's control connection, and one connection for each attached client. */
#pragma once
#include "connection.h"
#include "proc.h"

struct client {
	struct connection connection;
	uint32_t attached; /* a process, 0: none */
	unsigned streams;  /* bit mask of what it gets or gives */
	bool input_ended;
	struct client *next;
};

extern const struct sink client_sink;

/* Serves a connected socket; on_request gets every frame that is not about an attached client's streams. */
/* NULL without memory. */
struct client *client_accept(int fd, void (*on_request)(struct client *client, const struct frame *frame));
void client_attach(struct client *client, const struct frame *request);
/* To the control connections, or to those of one process too. */
void clients_send(uint32_t proc, unsigned stream_bit, const struct frame *frame);
/* Whether a client of this process is so far behind that its output must wait. */
bool clients_behind(uint32_t proc);
/* Clients whose stdin was held back may go on. */
void clients_resume_input(uint32_t proc);
bool clients_connected(void);
/* Writes out what is queued; true when something is left. */
bool clients_flush(void);
/* What must know when a client is gone (answers under way), and where stdin of a guest's process goes. */
extern void (*client_gone)(const struct client *client);
extern void (*client_remote_stdin)(struct proc *proc, const uint8_t *data, size_t size);
extern void (*client_remote_eof)(struct proc *proc);
extern void (*client_drained)(struct proc *proc);
