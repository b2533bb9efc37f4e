// Writes netlink messages, sends them and reads the kernel's replies. Plain POSIX: a library for it
// would be one more in the image.
#define _GNU_SOURCE
#include "netlink.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

int open_netlink(int protocol) {
  int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
  if (fd < 0) return -errno;
  // The kernel replies at once. This only keeps a reply that was lost from being waited for.
  struct timeval wait = {.tv_sec = 1};
  struct sockaddr_nl own = {.nl_family = AF_NETLINK};
  if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait) == 0 &&
      bind(fd, (struct sockaddr *)&own, sizeof own) == 0)
    return fd;
  int error = errno;
  close(fd);
  return -error;
}

void clear_messages(Messages *messages) {
  messages->length = 0;
  messages->overflow = 0;
  messages->first_sequence = messages->sequence + 1;
}

static struct nlmsghdr *header_of(Messages *messages) { return (struct nlmsghdr *)(messages->bytes + messages->message); }

// Room for so many bytes at the end, zeroed and aligned, or NULL.
static void *grow(Messages *messages, size_t bytes) {
  size_t aligned = NLMSG_ALIGN(bytes);
  if (messages->overflow || aligned > sizeof messages->bytes - messages->length) {
    messages->overflow = 1;
    return NULL;
  }
  void *room = messages->bytes + messages->length;
  memset(room, 0, aligned);
  messages->length += aligned;
  return room;
}

void begin_message(Messages *messages, uint16_t type, uint16_t flags, const void *header, size_t bytes) {
  messages->message = messages->length;
  uint8_t *room = grow(messages, NLMSG_HDRLEN + bytes);
  if (room == NULL) return;
  *(struct nlmsghdr *)room = (struct nlmsghdr){
      .nlmsg_len = (uint32_t)(NLMSG_HDRLEN + NLMSG_ALIGN(bytes)),
      .nlmsg_type = type,
      .nlmsg_flags = flags | NLM_F_REQUEST,
      .nlmsg_seq = ++messages->sequence,
  };
  memcpy(room + NLMSG_HDRLEN, header, bytes);
  if (flags & NLM_F_ACK) messages->awaited = messages->sequence;
}

void put_bytes(Messages *messages, uint16_t type, const void *value, size_t bytes) {
  uint8_t *room = grow(messages, NLA_HDRLEN + bytes);
  if (room == NULL) return;
  struct nlattr *attribute = (struct nlattr *)room;
  attribute->nla_len = (uint16_t)(NLA_HDRLEN + bytes);
  attribute->nla_type = type;
  if (bytes > 0) memcpy(room + NLA_HDRLEN, value, bytes);
  header_of(messages)->nlmsg_len = (uint32_t)(messages->length - messages->message);
}

void put_text(Messages *messages, uint16_t type, const char *value) { put_bytes(messages, type, value, strlen(value) + 1); }

void put_number(Messages *messages, uint16_t type, uint32_t value) {
  uint32_t ordered = htonl(value);
  put_bytes(messages, type, &ordered, sizeof ordered);
}

size_t begin_nest(Messages *messages, uint16_t type) {
  size_t nest = messages->length;
  put_bytes(messages, type | NLA_F_NESTED, NULL, 0);
  return nest;
}

void end_nest(Messages *messages, size_t nest) {
  if (messages->overflow) return;
  ((struct nlattr *)(messages->bytes + nest))->nla_len = (uint16_t)(messages->length - nest);
}

// A whole batch is refused by its first message, as without the right to change anything.
int send_messages(int fd, const Messages *messages) {
  if (messages->overflow) return -EMSGSIZE;
  struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
  if (sendto(fd, messages->bytes, messages->length, 0, (struct sockaddr *)&kernel, sizeof kernel) < 0) return -errno;
  _Alignas(NLMSG_ALIGNTO) uint8_t replies[NETLINK_BYTES];
  int first_error = 0;
  for (;;) {
    ssize_t received = recv(fd, replies, sizeof replies, 0);
    if (received < 0 && errno == EINTR) continue;
    if (received < 0) return first_error != 0 ? first_error : -errno;
    size_t left = (size_t)received;
    for (struct nlmsghdr *reply = (struct nlmsghdr *)replies; NLMSG_OK(reply, left); reply = NLMSG_NEXT(reply, left)) {
      if (reply->nlmsg_type != NLMSG_ERROR || reply->nlmsg_seq - messages->first_sequence > UINT32_MAX / 2) continue;
      int error = ((struct nlmsgerr *)NLMSG_DATA(reply))->error;
      if (first_error == 0) first_error = error;
      // The kernel replies in order, of a batch to each message that failed.
      if (reply->nlmsg_seq == messages->awaited || reply->nlmsg_seq == messages->first_sequence) return first_error;
    }
  }
}
