/* What the file server knows of the files that its guest has seen: each inode once, held open by O_PATH so that its number stays its own. */
#pragma once
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

struct lock_owner;

struct node {
	uint64_t id, lookups;
	int fd; /* O_PATH */
	dev_t dev;
	ino_t ino;
	mode_t type; /* of st_mode, S_IFMT only: it never changes */
	struct lock_owner *owners;
	struct node *next_by_id, *next_by_file;
};

/* The root is node 1. */
int nodes_init(int root_fd);
struct node *node_find(uint64_t id);
/* The node of an open O_PATH descriptor, which it takes over or closes; one lookup is counted. NULL with errno. */
struct node *node_obtain(int fd, const struct stat *info);
void node_forget(uint64_t id, uint64_t lookups);

struct handle {
	int fd; /* -1: free */
	int is_directory;
	uint64_t offset; /* of a directory: where the descriptor is */
	uint64_t node;
};

/* Takes the descriptor over. -1 with errno. */
int64_t handle_open(int fd, const struct node *node, int is_directory);
/* NULL: there is none, or not of this kind. */
struct handle *handle_find(uint64_t id, int is_directory);
void handle_close(uint64_t id);
