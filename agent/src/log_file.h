/* Docker's json-file log: one JSON object a line (docs/agent-protocol.md, "Exit record and logs"). */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include "error.h"
#include "frame.h"

struct log_file;

/* Appends to path (0640); max_size 0: never rotated. max_files counts the current file too. */
/* `attributes`: a JSON object that goes into every line, or NULL. */
struct log_file *log_file_open(const char *path, uint64_t max_size, unsigned max_files, const char *attributes, struct error *err);
void log_file_write(struct log_file *log, enum stream stream, const uint8_t *data, size_t size);
/* Writes what has no line end yet. */
void log_file_flush(struct log_file *log, enum stream stream);
void log_file_close(struct log_file *log);
/* "2026-01-02T03:04:05.000000006Z" */
void format_time(uint64_t ns, char text[40]);
