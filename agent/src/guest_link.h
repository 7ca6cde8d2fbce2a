/* The shim's side of the link to the guest's agent: requests passed on, streams with windows, hostile input refused. */
#pragma once
#include "clients.h"

/* Greets the guest over this descriptor; lost is called once when the guest breaks the protocol. */
void guest_link_open(int fd, void (*lost)(const struct error *err));
void guest_link_close(void);
bool guest_link_ready(void);
/* Answers under way to this client are dropped. */
void guest_link_client_gone(const struct client *client);
/* Calls back when the guest has answered (ready) or the link is closed (not ready), at most once. */
void guest_link_when_ready(void (*settled)(void));
/* Passes the client's request on; its answer goes back to the client. */
void guest_link_forward(struct client *client, const struct frame *request);
/* A request of the shim itself, whose answer nobody waits for. */
void guest_link_tell(uint8_t type, uint32_t proc, struct builder *fields);
/* Every process of the guest has ended with the VM. */
void guest_link_end_processes(void);
