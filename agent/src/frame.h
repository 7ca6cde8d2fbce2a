/* Frames: a 24-byte header and a payload (docs/agent-protocol.md, "Frames"). */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include "error.h"

enum { FRAME_HEADER = 24, FRAME_VERSION = 1, FRAME_MAX_PAYLOAD = 1 << 20, FRAME_MAX_DATA = 32768 };

enum frame_type {
	FRAME_HELLO = 0x01, FRAME_OK, FRAME_ERROR,
	FRAME_MOUNT = 0x10, FRAME_UMOUNT, FRAME_WRITE_FILE, FRAME_MKDIR, FRAME_REMOVE, FRAME_RESOLVE_USER, FRAME_IDENTITY, FRAME_READ_FILE,
	FRAME_NET_VETH = 0x18, FRAME_NET_LOOPBACK, FRAME_NET_CONFIGURE, FRAME_NET_BRIDGE, FRAME_NET_DELETE,
	FRAME_START_RUNTIME = 0x20, FRAME_START_PROCESS, FRAME_SIGNAL, FRAME_RESIZE, FRAME_ATTACH, FRAME_STATE, FRAME_RELEASE, FRAME_PREPARE, FRAME_START_HELPER,
	FRAME_DATA = 0x30, FRAME_EOF, FRAME_ACK, FRAME_EXIT, FRAME_SANDBOX_EXIT,
	FRAME_VM_START = 0x40, FRAME_QMP, FRAME_SHUTDOWN, FRAME_GUEST, FRAME_SPAWN_SHIM,
	FRAME_PORTS_OPEN = 0x48, FRAME_PORTS_CLOSE, FRAME_PORTS_KEEP, FRAME_PORTS_TRANSLATED,
	FRAME_FILES_SERVE = 0x4c,
};

enum stream { STREAM_STDIN, STREAM_STDOUT, STREAM_STDERR, STREAM_COUNT };

struct frame {
	uint8_t type, stream;
	uint32_t proc, request;
	uint64_t position;
	const uint8_t *payload;
	size_t size;
};

/* Reads the frame at the start of data: its whole length when it is there, 0 when more bytes are needed, -1 when it breaks the rules.
 * The payload of everything but DATA is checked to be a list of fields. */
long frame_read(const uint8_t *data, size_t size, struct frame *frame, struct error *err);
void frame_write_header(uint8_t header[FRAME_HEADER], const struct frame *frame);
