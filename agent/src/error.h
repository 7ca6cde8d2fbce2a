/* Errors: a fallible function returns a negative value and fills the error, which is untouched on success.
 * A function either logs an error or returns it, never both. */
#pragma once

struct error {
	const char *code; /* a word of the protocol: "not-found", "start", "system", ... */
	int saved_errno;  /* 0 when no system call failed */
	char message[512];
};

/* Fills *err (when not NULL) and returns -1. With saved_errno != 0 the message gets ": strerror". */
int fail(struct error *err, const char *code, int saved_errno, const char *format, ...) __attribute__((format(printf, 4, 5)));
