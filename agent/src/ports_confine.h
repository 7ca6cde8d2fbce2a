#pragma once
#include "error.h"

/* Leaves the port keeper what it needs: low ports, and the kernel's flows. What strangers send passes through it. */
int ports_confine(struct error *err);
