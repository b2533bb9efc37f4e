// Descriptors of UDP and TCP sockets: plain POSIX, no Node.js. Implemented by descriptor.c, called
// by module.c.
#ifndef UNLOOP_DESCRIPTOR_H
#define UNLOOP_DESCRIPTOR_H
#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <netinet/udp.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103  // linux/udp.h has it; other systems' netinet/udp.h may not
#endif

typedef union {
  struct sockaddr any;
  struct sockaddr_in v4;
  struct sockaddr_in6 v6;
} Address;

// Who may bind the same address. CLAIMED: refused while anybody has it, shared from then on. The
// option is read when the next socket is bound, so it may be set once the bind has succeeded: the
// socket that proved the address free is the one that serves.
typedef enum { ALONE = 0, SHARED = 1, CLAIMED = 2 } Sharing;

// What a UDP socket is to be; `inherited` is a descriptor to adopt, or -1.
typedef struct {
  Address bind_to, connect_to;
  Sharing sharing;
  bool connected;
  int receive_buffer, inherited;
} Options;

// Parses an IP literal, with an IPv6 zone as a name or a number. Returns 0 or -errno.
int parse_address(const char *text, int port, Address *address);

// A socket of the address's family, bound to it. Returns the descriptor or -errno.
int bind_socket(int type, const Address *address, Sharing sharing);

// Our own descriptor of a socket that was opened elsewhere: closing it leaves the original for
// other threads. Returns it or -errno.
int adopt(int inherited, int wanted_type);

// Makes the descriptor of a UDP socket. Returns it or -errno; `local` and `granted` (receive
// buffer) are what came of it.
int make_udp(const Options *options, Address *local, int *granted);

// Lets no new datagrams into a bound UDP socket that shares its port: the kernel gives them to the
// others. What waits in its queue stays, and it may go on sending. Returns 0 or -errno; harmless
// when repeated.
int stop_intake(int fd);

// Has a program choose the socket of each datagram that comes to the port this one shares
// (SO_ATTACH_REUSEPORT_CBPF): it returns the socket's index in the group, and any number that is
// none leaves the choice to the kernel. The program is the group's: it stays while the group has
// sockets. Returns 0 or -errno; -EINVAL where there is no group yet.
int attach_program(int fd, const void *instructions, size_t bytes);

// Whether the kernel takes several datagrams as one and cuts them apart (UDP_SEGMENT, Linux 4.18
// and later).
bool can_segment(int fd);

// Whether datagrams wait to be read.
bool has_waiting(int fd);

// Datagrams that the kernel dropped because the receive buffer was full; 0 where it does not say.
double read_kernel_drops(int fd);

#endif
