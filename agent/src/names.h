#pragma once
#include <stddef.h>
#include "error.h"

/* The names in a directory, sorted, without . and .. */
struct names {
	char **all;
	size_t count;
};

int names_list(int directory, struct names *names, struct error *err);
void names_free(struct names *names);
