// Asks and reads answers: UDP, one connected socket per question, so that the kernel tells at once
// when nobody listens (ICMP port unreachable).
#define _GNU_SOURCE
#include "probe.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

enum { HEADER_BYTES = 12, DNS_PORT = 53, RESPONSE_BIT = 0x80, RCODE_MASK = 0x0f };

int write_question(const char *name, Question *question) {
  // RD set, one question.
  static const uint8_t header[HEADER_BYTES] = {0, 0, 1, 0, 0, 1};
  static const uint8_t type_and_class[4] = {0, 1, 0, 1};
  memcpy(question->bytes, header, sizeof header);
  size_t end = HEADER_BYTES;
  while (*name != '\0') {
    size_t label = strcspn(name, ".");
    if (label == 0 || label > 63 || end - HEADER_BYTES + label + 2 > 255) return -EINVAL;
    question->bytes[end++] = (uint8_t)label;
    memcpy(question->bytes + end, name, label);
    end += label;
    name += label;
    if (*name == '.') name++;
  }
  question->bytes[end++] = 0;
  memcpy(question->bytes + end, type_and_class, sizeof type_and_class);
  question->length = end + sizeof type_and_class;
  return 0;
}

void clear_probes(Probes *probes) {
  for (int i = 0; i < MAX_PROBES; i++) probes->fds[i] = -1;
  probes->next = 0;
}

static void give_up(Probes *probes, int index) {
  if (probes->fds[index] >= 0) close(probes->fds[index]);
  probes->fds[index] = -1;
}

static int connect_to(int fd, const Address *address) {
  struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(DNS_PORT)};
  struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(DNS_PORT)};
  memcpy(&v4.sin_addr, address->bytes, sizeof v4.sin_addr);
  memcpy(&v6.sin6_addr, address->bytes, sizeof v6.sin6_addr);
  if (address->family == AF_INET6) return connect(fd, (struct sockaddr *)&v6, sizeof v6);
  return connect(fd, (struct sockaddr *)&v4, sizeof v4);
}

int ask(Probes *probes, const Address *address, const Question *question) {
  int index = probes->next;
  probes->next = (index + 1) % MAX_PROBES;
  give_up(probes, index);
  int fd = socket(address->family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -errno;
  Question sent = *question;
  if (getrandom(sent.bytes, 2, 0) != 2) sent.bytes[0] = sent.bytes[1] = 0;
  memcpy(&probes->ids[index], sent.bytes, 2);
  probes->fds[index] = fd;
  if (connect_to(fd, address) == 0 && send(fd, sent.bytes, sent.length, MSG_NOSIGNAL) >= 0) return 0;
  int error = errno;
  give_up(probes, index);
  return error == ECONNREFUSED ? PROBE_NOBODY_LISTENS : -error;
}

int read_answer(Probes *probes, int index, const Question *question) {
  uint8_t bytes[4096];
  ssize_t length = recv(probes->fds[index], bytes, sizeof bytes, MSG_DONTWAIT);
  if (length < 0 && (errno == EAGAIN || errno == EINTR)) return PROBE_NOTHING;
  int result = PROBE_NOTHING;
  if (length < 0) result = errno == ECONNREFUSED ? PROBE_NOBODY_LISTENS : PROBE_NOTHING;
  else if ((size_t)length >= question->length && memcmp(bytes, &probes->ids[index], 2) == 0 &&
           (bytes[2] & RESPONSE_BIT) != 0 &&
           memcmp(bytes + HEADER_BYTES, question->bytes + HEADER_BYTES, question->length - HEADER_BYTES) == 0)
    result = bytes[3] & RCODE_MASK;
  give_up(probes, index);
  return result;
}
