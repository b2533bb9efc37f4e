// sendmmsg(2) by its number. musl's function of that name makes one sendmsg(2) of each datagram on
// 64-bit machines, to clear padding that the kernel does not look at here: all of it is zero.
#define _GNU_SOURCE
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

int sendmmsg(int fd, struct mmsghdr *headers, unsigned count, int flags) {
  return (int)syscall(SYS_sendmmsg, fd, headers, count, flags);
}
