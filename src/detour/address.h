// IP addresses of both families. Implemented by address.c.
#ifndef UNLOOP_ADDRESS_H
#define UNLOOP_ADDRESS_H
#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
  uint8_t family;  // AF_INET or AF_INET6
  uint8_t bytes[16];
  char text[INET6_ADDRSTRLEN];
} Address;

// Parses a literal. Returns 0 or -EINVAL.
int parse_address(const char *text, Address *address);

// 4 or 16.
size_t address_bytes(const Address *address);

// Puts an address on the loopback interface; one that is there already is as good. Returns 0 or
// -errno.
int add_to_loopback(const Address *address);

#endif
