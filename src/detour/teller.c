// A socket of the file system: `unloop status`, in the container beside this one and as another
// user, learns by it that this process runs and what it has made of the detour.
#define _GNU_SOURCE
#include "teller.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

int open_teller(const char *path) {
  struct sockaddr_un own = {.sun_family = AF_UNIX};
  if (strlen(path) >= sizeof own.sun_path) return -ENAMETOOLONG;
  snprintf(own.sun_path, sizeof own.sun_path, "%s", path);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -errno;
  unlink(path);
  // Open to every user from the start. chmod() by the path would follow a symbolic link that
  // somebody puts there in between.
  mode_t before = umask(0111);
  int failed = bind(fd, (struct sockaddr *)&own, sizeof own);
  int error = errno;
  umask(before);
  if (failed == 0 && listen(fd, 8) == 0) return fd;
  if (failed == 0) error = errno;
  close(fd);
  return -error;
}

void tell(int teller, const char *text) {
  int fd = accept4(teller, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd < 0) return;
  // A few hundred bytes: they fit into the socket's buffer, whether they are read or not.
  send(fd, text, strlen(text), MSG_NOSIGNAL);
  close(fd);
}
