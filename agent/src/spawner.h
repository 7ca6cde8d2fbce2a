#pragma once
/* Starts shims for a daemon, whose own fork would copy the page tables of hundreds of megabytes. Serves the socket that is descriptor 3
 * until its other side is gone; what it started stays. `program` is run as the shims. Returns the process's exit status. */
int spawner_main(const char *program);
