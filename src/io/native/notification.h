// Tells the service manager how we are (sd_notify(3)): plain POSIX, no Node.js. Called by
// module.c.
#ifndef UNLOOP_NOTIFICATION_H
#define UNLOOP_NOTIFICATION_H
#include <stddef.h>

// Sends one datagram to the socket at `path` ('@' first: an abstract name). Never waits. Returns 0
// or -errno.
int send_notification(const char *path, size_t path_length, const char *text, size_t text_length);

#endif
