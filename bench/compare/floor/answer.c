/* Answers every A query with 192.0.2.1 at once, in batches and without looking anything up:
 * `answer PORT`. It is both the floor under a cached answer (what the kernel alone costs) and
 * the upstream of every scenario, too cheap to be the bottleneck. Every other type gets an empty
 * answer with an SOA record. So do, with NXDOMAIN, names that a search domain made: below
 * cluster.local, but not SERVICE.NAMESPACE.svc.cluster.local; and names below missing (`unloop
 * bench --profile cluster`). Queries with OPT get OPT (RFC 6891 §6.1.1). A child of its own
 * answers over TCP (some forwarders pass on what came by TCP by TCP), plainly: nothing is
 * measured there. */
#include "batch.h"
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>

/* The name at 12, type A, class IN, TTL 3600, 192.0.2.1. */
static const uint8_t RECORD[16] = {0xc0, 12, 0, 1, 0, 1, 0, 0, 14, 16, 0, 4, 192, 0, 2, 1};
/* The root's, type SOA, class IN, TTL 30; both names in it the root, serial 1, and 30 s for answers
 * that say no (RFC 2308 §4). */
static const uint8_t SOA[33] = {0, 0, 6, 0, 1, 0, 0, 0, 30, 0, 22, 0, 0, 0, 0, 0, 1, 0, 0, 14, 16, 0, 0, 14, 16, 0, 0, 14, 16, 0, 0, 0, 30};
/* The root name, type OPT, 1232 bytes. */
static const uint8_t OPT[11] = {0, 0, 41, 4, 208};

#define NXDOMAIN 3

/* Whether nothing has this name, of so many labels; `last` is where its last three begin, the last
 * one first. */
static int is_missing(const uint8_t *m, const int *last, int labels) {
  const uint8_t *top = m + last[0];
  if (top[0] == 7 && memcmp(top + 1, "missing", 7) == 0) return 1;
  if (top[0] != 5 || memcmp(top + 1, "local", 5) != 0) return 0;
  if (labels < 2 || memcmp(m + last[1], "\7cluster", 8) != 0) return 0;
  return labels != 5 || memcmp(m + last[2], "\3svc", 4) != 0;
}

/* Turns the query into its answer, in place. Returns the answer's length; 0: no query, no
 * answer. */
static int answer(uint8_t *m, int length) {
  if (length < HEADER + 5 || (m[2] & 0x80) != 0 || m[5] != 1) return 0;
  int end = HEADER, labels = 0, last[3] = {HEADER, HEADER, HEADER};
  while (end < length && m[end] != 0 && m[end] < 64) {
    last[2] = last[1];
    last[1] = last[0];
    last[0] = end;
    labels++;
    end += m[end] + 1;
  }
  if (end + 5 > length || m[end] != 0) return 0;
  int missing = is_missing(m, last, labels);
  int is_a = !missing && m[end + 1] == 0 && m[end + 2] == 1;
  end += 5;
  int has_opt = m[11] != 0 && end + 11 <= length && m[end] == 0 && m[end + 1] == 0 && m[end + 2] == 41;
  m[2] = 0x80 | (m[2] & 0x01);
  m[3] = 0x80 | (missing ? NXDOMAIN : 0);
  m[7] = is_a;
  m[9] = !is_a;
  m[6] = m[8] = m[10] = 0;
  m[11] = has_opt;
  if (is_a) {
    memcpy(m + end, RECORD, sizeof RECORD);
    end += sizeof RECORD;
  } else {
    memcpy(m + end, SOA, sizeof SOA);
    end += sizeof SOA;
  }
  if (has_opt) {
    memcpy(m + end, OPT, sizeof OPT);
    end += sizeof OPT;
  }
  return end;
}

#define CONNECTIONS 256

struct stream {
  int held;
  uint8_t bytes[DATAGRAM];
};

/* Answers whatever whole messages have come (RFC 1035 §4.2.2). 0: the connection is done with. */
static int serve_stream(int fd, struct stream *s) {
  int got = read(fd, s->bytes + s->held, sizeof s->bytes - s->held);
  if (got <= 0) return 0;
  s->held += got;
  int at = 0;
  while (s->held - at > 2) {
    int length = s->bytes[at] << 8 | s->bytes[at + 1];
    if (s->held - at - 2 < length) break;
    uint8_t reply[DATAGRAM];
    if (length + 2 + (int)(sizeof SOA + sizeof OPT) > DATAGRAM) return 0;
    memcpy(reply + 2, s->bytes + at + 2, length);
    int replied = answer(reply + 2, length);
    reply[0] = replied >> 8;
    reply[1] = replied;
    if (replied == 0 || write(fd, reply, replied + 2) != replied + 2) return 0;
    at += 2 + length;
  }
  s->held -= at;
  memmove(s->bytes, s->bytes + at, s->held);
  return s->held < DATAGRAM;
}

/* Serves the port over TCP for as long as the parent lives. */
static void serve_tcp(int port) {
  static struct stream streams[CONNECTIONS];
  struct pollfd fds[CONNECTIONS + 1];
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  signal(SIGPIPE, SIG_IGN);
  int listener = socket(AF_INET, SOCK_STREAM, 0), on = 1, count = 0;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0 || listen(listener, 64) != 0) die("listen");
  for (;;) {
    fds[count] = (struct pollfd){.fd = listener, .events = count < CONNECTIONS ? POLLIN : 0};
    if (poll(fds, count + 1, -1) < 0) continue;
    int fresh = fds[count].revents != 0;
    for (int i = count - 1; i >= 0; i--) {
      if (fds[i].revents == 0 || serve_stream(fds[i].fd, &streams[i])) continue;
      close(fds[i].fd);
      count--;
      fds[i] = fds[count];
      streams[i] = streams[count];
    }
    int fd = fresh ? accept(listener, NULL, NULL) : -1;
    if (fd < 0) continue;
    streams[count].held = 0;
    fds[count++] = (struct pollfd){.fd = fd, .events = POLLIN};
  }
}

int main(int argc, char **argv) {
  static struct batch batch;
  if (argc != 2) return 2;
  int fd = open_socket(atoi(argv[1]));
  if (fork() == 0) serve_tcp(atoi(argv[1]));
  batch_prepare(&batch, BATCH, 1);
  for (;;) {
    int count = recvmmsg(fd, batch.messages, BATCH, MSG_WAITFORONE, NULL);
    if (count < 0 && errno != EINTR && errno != ECONNREFUSED) die("recvmmsg");
    int answers = 0;
    for (int i = 0; i < count; i++) {
      int length = answer(batch.datagrams[i], batch.messages[i].msg_len);
      if (length == 0) continue;
      batch.vectors[i].iov_len = length;
      if (i != answers) batch.messages[answers].msg_hdr = batch.messages[i].msg_hdr;
      answers++;
    }
    batch_send(fd, &batch, answers);
    batch_prepare(&batch, count > 0 ? count : 0, 1);
  }
}
