// Opens, adopts and connects sockets, and asks the kernel about them. Plain POSIX but for libuv's
// parsers of addresses.
#define _GNU_SOURCE
#include "bind_capability.h"
#include "descriptor.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#ifndef SO_MEMINFO
#define SO_MEMINFO 55
#endif
#ifndef SO_ATTACH_REUSEPORT_CBPF
#define SO_ATTACH_REUSEPORT_CBPF 51
#endif
// Of linux/sock_diag.h, which not every system's headers have.
enum { MEMINFO_DROPS = 8, MEMINFO_WORDS = 9 };

int parse_address(const char *text, int port, Address *address) {
  memset(address, 0, sizeof *address);
  if (uv_ip4_addr(text, port, &address->v4) == 0) return 0;
  if (uv_ip6_addr(text, port, &address->v6) != 0) return -EINVAL;
  const char *zone = strchr(text, '%');
  if (zone != NULL && address->v6.sin6_scope_id == 0) address->v6.sin6_scope_id = (uint32_t)strtoul(zone + 1, NULL, 10);
  return 0;
}

static bool is_wildcard(const Address *address) {
  return address->any.sa_family == AF_INET6 ? IN6_IS_ADDR_UNSPECIFIED(&address->v6.sin6_addr)
                                            : address->v4.sin_addr.s_addr == INADDR_ANY;
}

static socklen_t size_of(const Address *address) {
  return address->any.sa_family == AF_INET6 ? sizeof address->v6 : sizeof address->v4;
}

static int set_option(int fd, int level, int option, int value) {
  return setsockopt(fd, level, option, &value, sizeof value);
}

static int bind_with_capability(int fd, const Address *address) {
  int failed = bind(fd, &address->any, size_of(address));
  if (failed && errno == EACCES && raise_bind_capability()) failed = bind(fd, &address->any, size_of(address));
  int error = errno;
  lower_bind_capability();
  errno = error;
  return failed;
}

int bind_socket(int type, const Address *address, Sharing sharing) {
  int fd = socket(address->any.sa_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -errno;
  bool failed = (address->any.sa_family == AF_INET6 && set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1) != 0) ||
                (type == SOCK_STREAM && set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1) != 0) ||
                (sharing == SHARED && set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1) != 0) ||
                bind_with_capability(fd, address) != 0 ||
                (sharing == CLAIMED && set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1) != 0);
  if (!failed) return fd;
  int error = errno;
  close(fd);
  return -error;
}

int adopt(int inherited, int wanted_type) {
  int type = 0;
  socklen_t size = sizeof type;
  if (getsockopt(inherited, SOL_SOCKET, SO_TYPE, &type, &size) != 0) return -errno;
  if (type != wanted_type) return -EPROTOTYPE;
  int fd = fcntl(inherited, F_DUPFD_CLOEXEC, 0);
  return fd < 0 ? -errno : fd;
}

static int connect_socket(int fd, const Address *remote) {
  if (connect(fd, &remote->any, size_of(remote)) != 0) return -errno;
  // What others sent between bind and connect is still in the queue.
  char byte;
  while (recv(fd, &byte, 1, MSG_DONTWAIT | MSG_TRUNC) >= 0) continue;
  return 0;
}

int make_udp(const Options *options, Address *local, int *granted) {
  int fd = options->inherited >= 0 ? adopt(options->inherited, SOCK_DGRAM)
                                   : bind_socket(SOCK_DGRAM, &options->bind_to, options->sharing);
  if (fd < 0) return fd;
  socklen_t size = sizeof *local;
  int error = getsockname(fd, &local->any, &size) == 0 ? 0 : -errno;
  if (error == 0 && options->receive_buffer > 0 &&
      set_option(fd, SOL_SOCKET, SO_RCVBUFFORCE, options->receive_buffer) != 0)
    set_option(fd, SOL_SOCKET, SO_RCVBUF, options->receive_buffer);
  if (error == 0 && options->connected) error = connect_socket(fd, &options->connect_to);
  else if (error == 0 && is_wildcard(local)) {
    int failed = local->any.sa_family == AF_INET6 ? set_option(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1)
                                                  : set_option(fd, IPPROTO_IP, IP_PKTINFO, 1);
    if (failed) error = -errno;
  }
  size = sizeof *local;
  if (error == 0 && getsockname(fd, &local->any, &size) != 0) error = -errno;
  size = sizeof *granted;
  if (error == 0 && getsockopt(fd, SOL_SOCKET, SO_RCVBUF, granted, &size) != 0) error = -errno;
  if (error == 0) return fd;
  close(fd);
  return error;
}

// A connected socket takes datagrams of its remote end only, and SO_REUSEPORT passes it over
// (reuseport_select_sock). The remote end is the socket's own address and port: no other process
// can send from there, and there is always a route to it. Replies still go wherever they are
// addressed; from a wildcard socket with the source that IP_PKTINFO gives.
//
// A program that chooses the socket knows nothing of that: it goes by the order in the group. So
// the socket leaves the group first. Linux 6.13 and later do that when it connects. In others, a
// socket whose device is set is hashed again, outside of its group (udp_lib_rehash), also when it
// is set to what it was: none. Linux before 5.7 asks for a privilege for that: no program is
// attached there (../deal-by-name.ts).
int stop_intake(int fd) {
  setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "", 0);
  Address own = {0};
  socklen_t size = sizeof own;
  if (getsockname(fd, &own.any, &size) != 0) return -errno;
  if (is_wildcard(&own)) {
    if (own.any.sa_family == AF_INET6) own.v6.sin6_addr = in6addr_loopback;
    else own.v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  }
  return connect(fd, &own.any, size_of(&own)) == 0 ? 0 : -errno;
}

// As in linux/filter.h.
typedef struct {
  uint16_t count;
  const void *instructions;
} SocketProgram;
enum { INSTRUCTION_BYTES = 8, MAX_INSTRUCTIONS = 4096 };

int attach_program(int fd, const void *instructions, size_t bytes) {
  if (bytes == 0 || bytes % INSTRUCTION_BYTES != 0 || bytes / INSTRUCTION_BYTES > MAX_INSTRUCTIONS) return -EINVAL;
  SocketProgram program = {(uint16_t)(bytes / INSTRUCTION_BYTES), instructions};
  return setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &program, sizeof program) == 0 ? 0 : -errno;
}

bool can_segment(int fd) {
  int segment_bytes;
  socklen_t size = sizeof segment_bytes;
  return getsockopt(fd, IPPROTO_UDP, UDP_SEGMENT, &segment_bytes, &size) == 0;
}

bool has_waiting(int fd) {
  struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
  return poll(&poll_fd, 1, 0) > 0 && (poll_fd.revents & POLLIN) != 0;
}

double read_kernel_drops(int fd) {
  uint32_t memory[MEMINFO_WORDS] = {0};
  socklen_t size = sizeof memory;
  getsockopt(fd, SOL_SOCKET, SO_MEMINFO, memory, &size);
  return (double)memory[MEMINFO_DROPS];
}
