/* For bench/ports.ts. `s PORT`: takes what comes, one connection after the other, and answers each end with a byte.
 * `c ADDRESS PORT BYTES`: sends, waits for that byte, prints the seconds. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static char bytes[262144];

static int serve(int port)
{
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
	if (bind(listener, (struct sockaddr *)&address, sizeof address) < 0 || listen(listener, 8) < 0)
		return 1;
	for (;;) {
		int client = accept(listener, NULL, NULL);
		while (read(client, bytes, sizeof bytes) > 0)
			;
		if (write(client, "k", 1) != 1)
			perror("answer");
		(void)close(client);
	}
}

static int dial(const char *host, int port)
{
	struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons(port)};
	struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	if (inet_pton(AF_INET, host, &four.sin_addr) == 1) {
		int fd = socket(AF_INET, SOCK_STREAM, 0);
		return connect(fd, (struct sockaddr *)&four, sizeof four) == 0 ? fd : -1;
	}
	int fd = socket(AF_INET6, SOCK_STREAM, 0);
	return inet_pton(AF_INET6, host, &six.sin6_addr) == 1 && connect(fd, (struct sockaddr *)&six, sizeof six) == 0 ? fd : -1;
}

static int transfer(const char *host, int port, long long size)
{
	struct timespec from, to;
	clock_gettime(CLOCK_MONOTONIC, &from);
	int fd = dial(host, port);
	for (long long sent = 0; sent < size;) {
		ssize_t count = write(fd, bytes, sizeof bytes);
		if (count <= 0) {
			perror(host);
			return 1;
		}
		sent += count;
	}
	if (shutdown(fd, SHUT_WR) < 0 || read(fd, bytes, 1) != 1) {
		(void)fprintf(stderr, "%s: not all of it arrived\n", host);
		return 1;
	}
	clock_gettime(CLOCK_MONOTONIC, &to);
	printf("%.6f\n", (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 3 && argv[1][0] == 's')
		return serve(atoi(argv[2]));
	return argc == 5 ? transfer(argv[2], atoi(argv[3]), atoll(argv[4])) : 2;
}
