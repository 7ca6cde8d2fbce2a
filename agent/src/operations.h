/* The operations that a shim and a guest's agent carry out themselves, each in a file of its own. They block only as
 * long as the kernel does, add their answer's fields to *answer and return 0, or fill *err and return -1. */
#pragma once
#include <sys/types.h>
#include "error.h"
#include "fields.h"

typedef int operation(struct fields request, struct builder *answer, struct error *err);

operation operation_mount, operation_umount;                                   /* mounts.c */
/* mounts.c: mount(2), with layers of an overlay beyond its one page of options, and with a bind that is read-only. *data is taken apart. */
int mount_filesystem(const char *source, const char *target, const char *type, unsigned long flags, char *data, struct error *err);
operation operation_write_file, operation_mkdir, operation_remove;            /* files.c */
operation operation_read_file;                                                 /* read_file.c */
operation operation_resolve_user;                                              /* user.c */
operation operation_identity;                                                  /* identity.c */
operation operation_net_veth, operation_net_loopback, operation_net_configure; /* net.c */
operation operation_net_bridge, operation_net_delete;                          /* net.c */

/* net.c: makes a tap (IFF_TAP | IFF_NO_PI | IFF_VNET_HDR, not persistent, up, on the bridge) and returns its descriptor. */
int net_tap_open(const char *name, const char *bridge, unsigned mtu, struct error *err);

/* spawn.c: START_PROCESS. The process is a child of the caller; stdio are the descriptors that it gets as 0, 1 and 2; with a
 * terminal it makes one inside its container, whose master is given back. join_pid is the host pid (agent's view) of the init
 * that JOIN named, or 0. Returns the pid after execve succeeded; otherwise everything it made is undone. */
struct spawn_stdio {
	int in, out, err;
	int terminal; /* 1: the three are not looked at */
	int *master;  /* of the terminal; the caller closes it */
};
pid_t spawn_process(struct fields request, struct spawn_stdio stdio, pid_t join_pid, struct error *err);
/* spawn.c: PREPARE, one container's namespaces and standard mounts ahead of its START_PROCESS. */
int spawn_prepare(struct fields request, struct error *err);
/* A descriptor that keeps the mount namespace of an init that was just started; -1 where the helper of what was prepared does. */
int spawn_hold_namespace(pid_t pid);
/* Ends the helper, with it the namespaces of an init that ended. */
void spawn_end_helper(void);
/* What is left to do after a container's init ended: kill what is in its cgroup, and remove that. */
void spawn_cleanup(const char *container);
/* Signals every process of the container (SIGNAL with ALL). */
int spawn_signal_all(const char *container, int signal, struct error *err);

/* guest_boot.c: PID 1's first steps: /proc /sys /dev, modules in the order of /modules/order, root moved off the initramfs
 * (so that crun can pivot_root), cgroup v2, loopback up, kernel parameters. Nothing in it reads boot_id. */
int guest_boot(struct error *err);
/* The descriptor of the virtio port named "abode.agent", waited for at most 10 s. */
int guest_port_open(struct error *err);
/* Unmounts what can be, syncs, powers off; returns only when that failed. */
void guest_power_off(void);

/* init.c: the command `abode-agent init -- COMMAND...`, PID 1 of a container that asked for one. Returns the exit status. */
int init_main(char **arguments);
/* As PID 1: reaps everything, passes signals on to the child, and gives the child's exit status when it ends. */
int init_supervise(pid_t child);

/* files_main.c: the command `abode-agent files [VIEW] ROOT VERB...` (docs/agent-protocol.md). Returns the process's exit status. */
int files_main(int count, char **arguments);

/* unpack.c: the command `abode-agent unpack DIR`. Returns the process's exit status. */
int unpack_main(const char *directory);

/* populate.c: the command `abode-agent populate in-use|unused VOLUME DESTINATION IMAGE`. Returns the process's exit status. */
int populate_main(const char *use, const char *directory, const char *destination, char *image);

/* share_server.c: the command `abode-agent share DIR`, a VM's file server. Returns the process's exit status. */
int share_main(const char *directory);
