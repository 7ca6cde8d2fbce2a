/* The file server of a VM, which shares directories of the host with it over a socket whose other end is QEMU's. */
#pragma once
#include "error.h"
#include "fields.h"

/* Keeps the server's end until there is one, which what the guest asks waits for. */
void vm_files_keep(int fd);
/* FILES_SERVE: starts ARG* with the kept end as descriptor 3, in CGROUP*. `lost` is told when it ends by itself. */
int vm_files_serve(struct fields request, void (*lost)(const struct error *err), struct error *err);
/* The VM is gone. */
void vm_files_end(void);
