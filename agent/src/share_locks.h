/* Locks of the guest, held on the host by an open file description for each owner. Those who wait are asked again until they get theirs. */
#pragma once
#include <linux/fuse.h>
#include <stdbool.h>
#include <stdint.h>
#include "share_nodes.h"

/* 0, or a positive errno; LOCK_WAITS: the answer comes later, by `answer`. */
enum { LOCK_WAITS = -1 };
int lock_set(struct node *node, const struct fuse_lk_in *in, bool wait, uint64_t unique);
int lock_get(struct node *node, const struct fuse_lk_in *in, struct fuse_lk_out *out);
/* A descriptor of a process was closed: its POSIX locks of the file go. */
void locks_flush(struct node *node, uint64_t owner);
/* The last one of an open file: what it locked. */
void locks_release(struct node *node, uint64_t handle);
void locks_forget_node(struct node *node);
/* Tries again for those who wait; whether any are left. */
bool locks_retry(void (*answer)(uint64_t unique, int error));
/* Gives up waiting for this request: true when it was. */
bool locks_interrupt(uint64_t unique);
/* Opens what an O_PATH descriptor names (share_confine.c keeps the way). */
int share_reopen(int fd, int flags);
