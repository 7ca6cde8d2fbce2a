#pragma once
#include "connection.h"
#include "proc.h"

/* START_RUNTIME: runs an OCI runtime's command that detaches, and takes over the process that it leaves. Answers on the connection, at
 * once when it fails early, else when the runtime ended. */
void runtime_start(struct connection *connection, const struct frame *request);
/* Runs a clean-up command; the proc's RELEASE waits for it. */
void runtime_cleanup(struct proc *proc);
/* Forks and executes with all signals as a new program expects them; the child is in a process group of its own. */
pid_t runtime_spawn(char *const *arguments, int in, int out, int err);
/* A client went away: it is not answered. */
void runtime_client_gone(const struct connection *connection);
/* Fills what START_* have in common: log, exit record, terminal, clean-up. */
int proc_configure(struct proc *proc, struct fields fields, struct error *err);
/* RELEASE, with the answer. */
void proc_release(struct proc *proc, struct connection *connection, const struct frame *request);
