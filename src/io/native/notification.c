// One datagram to $NOTIFY_SOCKET, which node:dgram cannot send: it knows no Unix sockets.
#define _GNU_SOURCE
#include "notification.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int send_notification(const char *path, size_t path_length, const char *text, size_t text_length) {
  struct sockaddr_un to = {.sun_family = AF_UNIX};
  if (path_length < 2 || path_length > sizeof to.sun_path) return -EINVAL;
  memcpy(to.sun_path, path, path_length);
  if (path[0] == '@') to.sun_path[0] = '\0';
  // An abstract name is as long as it is said to be; a path ends with a NUL where there is room for
  // one.
  size_t size = offsetof(struct sockaddr_un, sun_path) + path_length;
  if (path[0] != '@' && path_length < sizeof to.sun_path) size++;
  int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return -errno;
  ssize_t sent = sendto(fd, text, text_length, MSG_NOSIGNAL, (struct sockaddr *)&to, (socklen_t)size);
  int error = sent < 0 ? -errno : 0;
  close(fd);
  return error;
}
