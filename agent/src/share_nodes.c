#include "share_nodes.h"
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>
#include "share_locks.h"

enum { BUCKETS = 1 << 15 };

static struct node *by_id[BUCKETS], *by_file[BUCKETS];
static uint64_t last_id;
static struct handle *handles;
static size_t handle_count;

static size_t id_bucket(uint64_t id) { return id % BUCKETS; }
static size_t file_bucket(dev_t dev, ino_t ino) { return (ino * 2654435761u ^ dev) % BUCKETS; }

struct node *node_find(uint64_t id)
{
	struct node *node = by_id[id_bucket(id)];
	while (node && node->id != id)
		node = node->next_by_id;
	return node;
}

static struct node *find_file(dev_t dev, ino_t ino)
{
	struct node *node = by_file[file_bucket(dev, ino)];
	while (node && (node->dev != dev || node->ino != ino))
		node = node->next_by_file;
	return node;
}

struct node *node_obtain(int fd, const struct stat *info)
{
	struct node *node = find_file(info->st_dev, info->st_ino);
	if (node) {
		(void)close(fd);
		node->lookups++;
		return node;
	}
	node = calloc(1, sizeof *node);
	if (!node) {
		(void)close(fd);
		errno = ENOMEM;
		return NULL;
	}
	*node = (struct node){.id = ++last_id, .lookups = 1, .fd = fd, .dev = info->st_dev, .ino = info->st_ino, .type = info->st_mode & S_IFMT};
	node->next_by_id = by_id[id_bucket(node->id)];
	by_id[id_bucket(node->id)] = node;
	node->next_by_file = by_file[file_bucket(node->dev, node->ino)];
	by_file[file_bucket(node->dev, node->ino)] = node;
	return node;
}

int nodes_init(int root_fd)
{
	struct stat info;
	return fstat(root_fd, &info) < 0 || !node_obtain(root_fd, &info) ? -1 : 0;
}

void node_forget(uint64_t id, uint64_t lookups)
{
	struct node *node = node_find(id);
	/* The root stays, whatever is said. */
	if (!node || id == 1)
		return;
	node->lookups -= lookups < node->lookups ? lookups : node->lookups;
	if (node->lookups > 0)
		return;
	struct node **at = &by_id[id_bucket(id)];
	while (*at != node)
		at = &(*at)->next_by_id;
	*at = node->next_by_id;
	at = &by_file[file_bucket(node->dev, node->ino)];
	while (*at != node)
		at = &(*at)->next_by_file;
	*at = node->next_by_file;
	locks_forget_node(node);
	(void)close(node->fd);
	free(node);
}

int64_t handle_open(int fd, const struct node *node, int is_directory)
{
	size_t id = 0;
	while (id < handle_count && handles[id].fd >= 0)
		id++;
	if (id == handle_count) {
		size_t count = handle_count ? handle_count * 2 : 64;
		struct handle *grown = realloc(handles, count * sizeof *grown);
		if (!grown) {
			(void)close(fd);
			errno = ENOMEM;
			return -1;
		}
		handles = grown;
		for (size_t i = handle_count; i < count; i++)
			handles[i].fd = -1;
		handle_count = count;
	}
	handles[id] = (struct handle){.fd = fd, .is_directory = is_directory, .node = node->id};
	return (int64_t)id;
}

struct handle *handle_find(uint64_t id, int is_directory)
{
	return id < handle_count && handles[id].fd >= 0 && handles[id].is_directory == is_directory ? &handles[id] : NULL;
}

void handle_close(uint64_t id)
{
	if (id >= handle_count || handles[id].fd < 0)
		return;
	(void)close(handles[id].fd);
	handles[id].fd = -1;
}
