#include "log_file.h"
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "proc.h"

enum { LINE_MAX_BYTES = 16384, ATTRIBUTES_MAX = 16384, OUT_SIZE = 262144 };

struct log_file {
	int fd;
	char *path, *attributes;
	size_t attributes_size;
	uint64_t size, max_size;
	unsigned max_files;
	struct {
		uint8_t bytes[LINE_MAX_BYTES];
		size_t size;
	} line[STREAM_COUNT];
	char out[OUT_SIZE];
	size_t out_size;
};

void format_time(uint64_t ns, char text[40])
{
	time_t seconds = (time_t)(ns / 1000000000u);
	struct tm tm;
	gmtime_r(&seconds, &tm);
	char longest[80];
	(void)snprintf(longest, sizeof longest, "%04d-%02d-%02dT%02d:%02d:%02d.%09uZ", (tm.tm_year + 1900) % 10000, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
		       (unsigned)(ns % 1000000000u));
	(void)memcpy(text, longest, 39);
	text[39] = 0;
}

struct log_file *log_file_open(const char *path, uint64_t max_size, unsigned max_files, const char *attributes, struct error *err)
{
	size_t attributes_size = attributes ? strlen(attributes) : 0;
	if (attributes_size > ATTRIBUTES_MAX) {
		fail(err, "invalid", 0, "the attributes of log %s are too long", path);
		return NULL;
	}
	struct log_file *log = calloc(1, sizeof *log);
	if (!log || !(log->path = strdup(path)) || (attributes_size && !(log->attributes = strdup(attributes)))) {
		if (log)
			free(log->path);
		free(log);
		fail(err, "system", ENOMEM, "log %s", path);
		return NULL;
	}
	log->fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
	struct stat info;
	if (log->fd < 0 || fstat(log->fd, &info) < 0) {
		fail(err, "system", errno, "log %s", path);
		log_file_close(log);
		return NULL;
	}
	log->attributes_size = attributes_size;
	log->size = (uint64_t)info.st_size;
	log->max_size = max_size;
	log->max_files = max_files ? max_files : 1;
	return log;
}

static void rotate(struct log_file *log)
{
	char from[4096], to[4096];
	for (unsigned i = log->max_files - 1; i > 1; i--) {
		(void)snprintf(from, sizeof from, "%s.%u", log->path, i - 1);
		(void)snprintf(to, sizeof to, "%s.%u", log->path, i);
		(void)rename(from, to);
	}
	if (log->max_files > 1) {
		(void)snprintf(to, sizeof to, "%s.1", log->path);
		(void)rename(log->path, to);
	} else {
		(void)unlink(log->path);
	}
	int fd = open(log->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
	if (fd < 0)
		return; /* go on with the old file: a log too large beats no log */
	(void)close(log->fd);
	log->fd = fd;
	log->size = 0;
}

static void write_out(struct log_file *log)
{
	size_t done = 0;
	while (done < log->out_size) {
		ssize_t count = write(log->fd, log->out + done, log->out_size - done);
		if (count < 0 && errno == EINTR)
			continue;
		if (count <= 0)
			break; /* a full disk loses lines, not the container */
		done += (size_t)count;
	}
	log->size += done;
	log->out_size = 0;
	if (log->max_size && log->size >= log->max_size)
		rotate(log);
}

/* The length of the valid UTF-8 sequence at p, 0 when there is none (RFC 3629). */
static size_t utf8_length(const uint8_t *p, size_t left)
{
	if (p[0] < 0x80)
		return 1;
	size_t length = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
	if (p[0] < 0xc2 || p[0] > 0xf4 || length > left)
		return 0;
	for (size_t i = 1; i < length; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) || (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
		return 0;
	return length;
}

static void put(struct log_file *log, const char *text, size_t size)
{
	memcpy(log->out + log->out_size, text, size);
	log->out_size += size;
}

static void put_escaped(struct log_file *log, const uint8_t *data, size_t size)
{
	for (size_t at = 0; at < size;) {
		size_t length = utf8_length(data + at, size - at);
		char escape[8];
		if (length == 0) {
			put(log, "\xef\xbf\xbd", 3);
			length = 1;
		} else if (length == 1 && (data[at] < 0x20 || data[at] == '"' || data[at] == '\\' || data[at] == 0x7f)) {
			switch (data[at]) {
			case '\n': put(log, "\\n", 2); break;
			case '\r': put(log, "\\r", 2); break;
			case '\t': put(log, "\\t", 2); break;
			case '"': put(log, "\\\"", 2); break;
			case '\\': put(log, "\\\\", 2); break;
			default: put(log, escape, (size_t)snprintf(escape, sizeof escape, "\\u%04x", data[at]));
			}
		} else {
			put(log, (const char *)data + at, length);
		}
		at += length;
	}
}

/* How many bytes at the end begin a character of which more may come. */
static size_t unfinished(const uint8_t *data, size_t size)
{
	for (size_t back = 1; back <= 3 && back <= size; back++) {
		uint8_t lead = data[size - back];
		if ((lead & 0xc0) == 0x80)
			continue;
		size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1;
		return length > back ? back : 0;
	}
	return 0;
}

/* All but the last `kept` bytes, which begin the next record. */
static void write_line(struct log_file *log, enum stream stream, size_t kept)
{
	size_t size = log->line[stream].size - kept;
	/* Six bytes an escaped byte, and the rest of the object. */
	if (log->out_size + size * 6 + log->attributes_size + 128 > OUT_SIZE)
		write_out(log);
	char time_text[40], tail[96];
	format_time(realtime_ns(), time_text);
	put(log, "{\"log\":\"", 8);
	put_escaped(log, log->line[stream].bytes, size);
	put(log, tail, (size_t)snprintf(tail, sizeof tail, "\",\"stream\":\"%s\"", stream == STREAM_STDERR ? "stderr" : "stdout"));
	if (log->attributes_size) {
		put(log, ",\"attrs\":", 9);
		put(log, log->attributes, log->attributes_size);
	}
	put(log, tail, (size_t)snprintf(tail, sizeof tail, ",\"time\":\"%s\"}\n", time_text));
	memmove(log->line[stream].bytes, log->line[stream].bytes + size, kept);
	log->line[stream].size = kept;
	if (log->max_size && log->size + log->out_size >= log->max_size)
		write_out(log); /* rotates */
}

void log_file_write(struct log_file *log, enum stream stream, const uint8_t *data, size_t size)
{
	for (size_t at = 0; at < size;) {
		const uint8_t *newline = memchr(data + at, '\n', size - at);
		size_t room = LINE_MAX_BYTES - log->line[stream].size;
		size_t take = newline ? (size_t)(newline - (data + at)) + 1 : size - at;
		if (take > room)
			take = room;
		memcpy(log->line[stream].bytes + log->line[stream].size, data + at, take);
		log->line[stream].size += take;
		at += take;
		if (log->line[stream].size == LINE_MAX_BYTES || data[at - 1] == '\n')
			write_line(log, stream, unfinished(log->line[stream].bytes, log->line[stream].size));
	}
	write_out(log);
}

void log_file_flush(struct log_file *log, enum stream stream)
{
	if (log->line[stream].size)
		write_line(log, stream, 0);
	write_out(log);
}

void log_file_close(struct log_file *log)
{
	if (!log)
		return;
	if (log->fd >= 0)
		(void)close(log->fd);
	free(log->path);
	free(log->attributes);
	free(log);
}
