/* The one event loop: descriptors and timers, one thread, no sleep. */
#pragma once
#include <stdint.h>
#include <sys/epoll.h>

struct watch {
	int fd;
	uint32_t events; /* EPOLLIN, EPOLLOUT; 0: not watched now */
	void (*ready)(struct watch *watch, uint32_t events);
	void *owner;
	int registered;
};

struct timer {
	uint64_t due_ms; /* 0: not armed */
	void (*expired)(struct timer *timer);
	void *owner;
	struct timer *next;
};

void loop_init(void);
/* Starts, changes or (events 0) ends the watching of watch->fd. */
void loop_watch(struct watch *watch, uint32_t events);
void loop_forget(struct watch *watch);
void loop_arm(struct timer *timer, uint64_t after_ms);
void loop_disarm(struct timer *timer);
uint64_t loop_now_ms(void);
/* Calls function(argument) after the callback that runs now has returned: to free what it may still use. */
void loop_defer(void (*function)(void *argument), void *argument);
void loop_run(void);
void loop_stop(void);
