#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "frame.h"
#include "guest.h"
#include "operations.h"
#include "ports.h"
#include "shim.h"
#include "spawner.h"

#define VERSION "0.1.0"

int main(int argc, char **argv)
{
	const char *command = argc > 1 ? argv[1] : "";
	if (getpid() == 1 && strcmp(command, "init") != 0)
		return guest_main(NULL);
	if (argc == 3 && strcmp(command, "shim") == 0)
		return shim_main(argv[2], false);
	if (argc == 4 && strcmp(command, "shim") == 0 && strcmp(argv[3], "--ephemeral") == 0)
		return shim_main(argv[2], true);
	if (argc == 2 && strcmp(command, "spawner") == 0)
		return spawner_main(argv[0]);
	if (argc == 3 && strcmp(command, "ports") == 0)
		return ports_main(argv[2]);
	if (argc > 3 && strcmp(command, "files") == 0)
		return files_main(argc - 2, argv + 2);
	if (argc == 3 && strcmp(command, "unpack") == 0)
		return unpack_main(argv[2]);
	if (argc == 3 && strcmp(command, "share") == 0)
		return share_main(argv[2]);
	if (argc == 6 && strcmp(command, "populate") == 0)
		return populate_main(argv[2], argv[3], argv[4], argv[5]);
	if (argc == 4 && strcmp(command, "guest") == 0 && strcmp(argv[2], "--socket") == 0)
		return guest_main(argv[3]);
	if (argc > 3 && strcmp(command, "init") == 0 && strcmp(argv[2], "--") == 0)
		return init_main(argv + 3);
	if (argc == 2 && strcmp(command, "version") == 0) {
		printf("abode-agent %s, protocol %d\n", VERSION, FRAME_VERSION);
		return 0;
	}
	(void)fprintf(stderr, "usage: abode-agent spawner | shim DIR [--ephemeral] | ports SOCKET | share DIR | populate in-use|unused VOLUME DESTINATION IMAGE | unpack DIR | files [VIEW] ROOT VERB... | guest --socket PATH | init -- COMMAND... | version\n");
	return 2;
}
