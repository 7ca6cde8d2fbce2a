/* Fields: the payload of every frame but DATA (docs/agent-protocol.md). Reading never allocates: values point into
 * the payload, are not NUL-terminated, and are bounded by the length that was checked once by fields_check. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "error.h"

enum tag {
	TAG_CODE = 1, TAG_MESSAGE, TAG_ERRNO, TAG_SESSION, TAG_HOST,
	TAG_SOURCE = 10, TAG_TARGET, TAG_FSTYPE, TAG_FLAGS, TAG_DATA, TAG_PATH, TAG_MODE, TAG_CONTENT, TAG_UID, TAG_GID,
	TAG_ROOT, TAG_USER, TAG_GROUP_ADD, TAG_GROUP, TAG_HOME, TAG_ENTROPY, TAG_MACHINE_ID, TAG_HOSTNAME,
	TAG_NETNS = 30, TAG_HOST_IF, TAG_IFNAME, TAG_MAC, TAG_ADDRESS, TAG_GATEWAY, TAG_BRIDGE, TAG_MTU,
	TAG_ARG = 40, TAG_ENV, TAG_CWD, TAG_PID_FILE, TAG_STDIO, TAG_ROWS, TAG_COLS, TAG_LOG_PATH, TAG_LOG_MAX_SIZE,
	TAG_LOG_MAX_FILES, TAG_EXIT_PATH, TAG_CGROUP, TAG_CONSOLE_SOCKET, TAG_CLEANUP_ARG, TAG_PID, TAG_SIGNAL, TAG_ALL,
	TAG_STREAMS, TAG_EXIT_CODE, TAG_OOM, TAG_TIME, TAG_REASON, TAG_STATE_ENTRY, TAG_SANDBOX_STATE,
	TAG_CAP_BOUNDING = 64, TAG_CAP_EFFECTIVE, TAG_CAP_PERMITTED, TAG_CAP_INHERITABLE, TAG_CAP_AMBIENT,
	TAG_NO_NEW_PRIVS, TAG_SECCOMP, TAG_RLIMIT, TAG_MASKED, TAG_READONLY, TAG_BIND, TAG_LIMIT_MEMORY, TAG_LIMIT_CPU,
	TAG_LIMIT_PIDS, TAG_CONTAINER, TAG_JOIN,
	TAG_LINE = 80, TAG_FD_OPEN, TAG_GRACE, TAG_SERIAL_FD, TAG_QMP_FD, TAG_TAP_FD, TAG_QMP_LINE, TAG_BOOT_NS,
	TAG_CONSOLE_PATH, TAG_LANDLOCK_READ, TAG_SYSCTL = 90, TAG_TMPFS, TAG_DEVICE, TAG_PRIVILEGED, TAG_READONLY_ROOT,
	TAG_SHM_SIZE, TAG_DOMAINNAME, TAG_OOM_SCORE_ADJ, TAG_INIT, TAG_FILE, TAG_EPHEMERAL,
	TAG_PORT = 110,
	TAG_LOG_ATTRIBUTES = 130,
	TAG_FILES_FD = 120,
};

struct fields {
	const uint8_t *data;
	size_t size;
};

struct value {
	const uint8_t *data; /* NULL: absent */
	size_t size;
};

/* Four bytes as the protocol has them. */
uint32_t bytes_u32(const uint8_t *p);
/* Whether the payload is a well-formed list of fields; every other function takes only a checked list. */
int fields_check(struct fields fields, struct error *err);
/* The first field of this tag; data is NULL when there is none. */
struct value fields_get(struct fields fields, uint16_t tag);
/* Walks the fields of one tag: start with *cursor = 0; false at the end. */
bool fields_next(struct fields fields, uint16_t tag, size_t *cursor, struct value *value);
size_t fields_count(struct fields fields, uint16_t tag);
/* A number (u64), or fallback when absent or not 8 bytes long. */
uint64_t fields_number(struct fields fields, uint16_t tag, uint64_t fallback);
/* A NUL-terminated copy, NULL when absent, without memory, or when the value holds a NUL. The caller frees. */
char *fields_string(struct fields fields, uint16_t tag);
char *value_string(struct value value);
/* All fields of one tag as a NULL-terminated array in one allocation; the caller frees. NULL without memory or with a NUL inside. */
char **fields_strings(struct fields fields, uint16_t tag);

/* Builds a list. Out of memory is remembered and told by the one who sends it. */
struct builder {
	uint8_t *data;
	size_t size, capacity;
	bool failed;
};
void builder_bytes(struct builder *builder, uint16_t tag, const void *data, size_t size);
void builder_string(struct builder *builder, uint16_t tag, const char *string);
void builder_number(struct builder *builder, uint16_t tag, uint64_t number);
void builder_free(struct builder *builder);
