// Parses addresses, and adds them to the node's loopback interface (rtnetlink).
#define _GNU_SOURCE
#include "address.h"
#include "netlink.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int parse_address(const char *text, Address *address) {
  memset(address, 0, sizeof *address);
  if (inet_pton(AF_INET, text, address->bytes) == 1) address->family = AF_INET;
  else if (inet_pton(AF_INET6, text, address->bytes) == 1) address->family = AF_INET6;
  else return -EINVAL;
  snprintf(address->text, sizeof address->text, "%s", text);
  return 0;
}

size_t address_bytes(const Address *address) { return address->family == AF_INET6 ? 16 : 4; }

int add_to_loopback(const Address *address) {
  int fd = open_netlink(NETLINK_ROUTE);
  if (fd < 0) return fd;
  struct ifaddrmsg header = {
      .ifa_family = address->family,
      .ifa_prefixlen = (uint8_t)(8 * address_bytes(address)),
      // Nobody else can have it: duplicate address detection would only cost a second.
      .ifa_flags = address->family == AF_INET6 ? IFA_F_NODAD : 0,
      .ifa_index = if_nametoindex("lo"),
  };
  static Messages messages;
  clear_messages(&messages);
  begin_message(&messages, RTM_NEWADDR, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, &header, sizeof header);
  put_bytes(&messages, IFA_LOCAL, address->bytes, address_bytes(address));
  put_bytes(&messages, IFA_ADDRESS, address->bytes, address_bytes(address));
  int error = send_messages(fd, &messages);
  close(fd);
  return error == -EEXIST ? 0 : error;
}
