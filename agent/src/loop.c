#include "loop.h"
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <time.h>

static int epoll_fd = -1;
static bool stopped;
static struct timer *timers;

void loop_init(void) { epoll_fd = epoll_create1(EPOLL_CLOEXEC); }

void loop_watch(struct watch *watch, uint32_t events)
{
	if (watch->fd < 0 || (watch->registered && watch->events == events))
		return;
	struct epoll_event event = {.events = events, .data.ptr = watch};
	if (events == 0) {
		loop_forget(watch);
	} else if (epoll_ctl(epoll_fd, watch->registered ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, watch->fd, &event) == 0) {
		watch->registered = 1;
	}
	watch->events = events;
}

/* Without events even a hang-up would wake the loop again and again, so the descriptor is taken out altogether. */
void loop_forget(struct watch *watch)
{
	if (watch->registered)
		(void)epoll_ctl(epoll_fd, EPOLL_CTL_DEL, watch->fd, NULL);
	watch->registered = 0;
	watch->events = 0;
}

uint64_t loop_now_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void loop_arm(struct timer *timer, uint64_t after_ms)
{
	loop_disarm(timer);
	timer->due_ms = loop_now_ms() + after_ms + 1;
	timer->next = timers;
	timers = timer;
}

void loop_disarm(struct timer *timer)
{
	for (struct timer **at = &timers; *at; at = &(*at)->next) {
		if (*at == timer) {
			*at = timer->next;
			break;
		}
	}
	timer->due_ms = 0;
}

/* Runs what is due; gives the milliseconds until the next, -1 for none. */
static int run_timers(void)
{
	for (;;) {
		struct timer *first = NULL;
		for (struct timer *timer = timers; timer; timer = timer->next)
			if (!first || timer->due_ms < first->due_ms)
				first = timer;
		if (!first)
			return -1;
		uint64_t now = loop_now_ms();
		if (first->due_ms > now)
			return (int)(first->due_ms - now);
		loop_disarm(first);
		first->expired(first);
	}
}

static struct deferred {
	void (*function)(void *argument);
	void *argument;
	struct deferred *next;
} *deferred_list;

void loop_defer(void (*function)(void *argument), void *argument)
{
	struct deferred *entry = malloc(sizeof *entry);
	if (!entry)
		return; /* leaks the argument: better than freeing what is in use */
	*entry = (struct deferred){function, argument, deferred_list};
	deferred_list = entry;
}

static void run_deferred(void)
{
	while (deferred_list) {
		struct deferred *entry = deferred_list;
		deferred_list = entry->next;
		entry->function(entry->argument);
		free(entry);
	}
}

void loop_run(void)
{
	while (!stopped) {
		int timeout = run_timers();
		if (stopped)
			break;
		/* One event at a time: what it does may free the owner of another. */
		struct epoll_event event;
		int count = epoll_wait(epoll_fd, &event, 1, timeout);
		if (count == 1) {
			struct watch *watch = event.data.ptr;
			watch->ready(watch, event.events);
		}
		run_deferred();
	}
}

void loop_stop(void) { stopped = true; }
