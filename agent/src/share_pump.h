#pragma once
#include "error.h"

/* In a guest: mounts what the host's file server shares, by way of the virtio port "abode.files", on target. */
int share_mount(const char *target, unsigned long flags, struct error *err);
