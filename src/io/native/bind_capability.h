// The right to bind ports below 1024, where the program was given it and does not use it yet.
// Called by descriptor.c.
#ifndef UNLOOP_BIND_CAPABILITY_H
#define UNLOOP_BIND_CAPABILITY_H
#include <stdbool.h>

// Makes CAP_NET_BIND_SERVICE effective for this thread, if it is permitted. True when it was not
// effective before.
bool raise_bind_capability(void);

// Makes it not effective again for this thread, whoever made it effective (systemd does, by
// AmbientCapabilities).
void lower_bind_capability(void);

#endif
