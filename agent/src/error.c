#include "error.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int fail(struct error *err, const char *code, int saved_errno, const char *format, ...)
{
	if (!err)
		return -1;
	err->code = code;
	err->saved_errno = saved_errno;
	va_list arguments;
	va_start(arguments, format);
	int length = vsnprintf(err->message, sizeof err->message, format, arguments);
	va_end(arguments);
	if (saved_errno && length >= 0 && (size_t)length < sizeof err->message)
		(void)snprintf(err->message + length, sizeof err->message - (size_t)length, ": %s", strerror(saved_errno));
	return -1;
}
