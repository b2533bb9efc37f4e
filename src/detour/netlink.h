// Messages to the kernel over netlink: what is common to addresses (rtnetlink) and rules
// (nfnetlink). Implemented by netlink.c, called by address.c and rules.c.
#ifndef UNLOOP_NETLINK_H
#define UNLOOP_NETLINK_H
#include <linux/netlink.h>
#include <stddef.h>
#include <stdint.h>

#define NETLINK_BYTES 8192

// Messages that are sent as one. `overflow` is set when one did not fit: sending then fails.
typedef struct {
  _Alignas(NLMSG_ALIGNTO) uint8_t bytes[NETLINK_BYTES];
  size_t length;
  size_t message;  // where the message that is being written begins
  uint32_t first_sequence, sequence;
  uint32_t awaited;  // the message whose reply is waited for: the last with NLM_F_ACK
  int overflow;
} Messages;

// Opens a netlink socket of a protocol. Returns the descriptor or -errno.
int open_netlink(int protocol);

// Starts over. Sequence numbers go on, so that a late reply is not taken for one to these.
void clear_messages(Messages *messages);

// Begins a message with its fixed part (`header`, a struct of the protocol).
void begin_message(Messages *messages, uint16_t type, uint16_t flags, const void *header, size_t bytes);

// Adds an attribute to the message that was begun.
void put_bytes(Messages *messages, uint16_t type, const void *value, size_t bytes);
void put_text(Messages *messages, uint16_t type, const char *value);
void put_number(Messages *messages, uint16_t type, uint32_t value);  // in network order

// Begins an attribute that holds others, and ends the one that begin_nest returned.
size_t begin_nest(Messages *messages, uint16_t type);
void end_nest(Messages *messages, size_t nest);

// Sends what was written and waits for the kernel's word on the last message with NLM_F_ACK.
// Returns 0, or -errno of the first message that failed.
int send_messages(int fd, const Messages *messages);

#endif
