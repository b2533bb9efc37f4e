/* The floor under forwarding, what the kernel alone costs: `forward PORT UPSTREAM_PORT`. A batch
 * of queries comes in, goes out of one connected socket under new IDs, comes back and goes out
 * again. No cache, no timeouts, no question matched. */
#include "batch.h"
#include <poll.h>

struct pending {
  struct sockaddr_in client;
  uint16_t client_id;
  uint8_t used;
};

static struct pending pending[65536];

/* Any ID that is not in flight. More than half of them never are: the load has fewer queries
 * outstanding. */
static uint16_t take_id(void) {
  static uint32_t state = 0x9e3779b9;
  for (;;) {
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    uint16_t id = state >> 8;
    /* A slot whose answer was lost is used again after as many tries as a full turn takes. */
    if (!pending[id].used || (state & 0xff) == 0) return id;
  }
}

static void queries(int client_fd, int upstream_fd, struct batch *b) {
  batch_prepare(b, BATCH, 1);
  int count = recvmmsg(client_fd, b->messages, BATCH, MSG_DONTWAIT, NULL);
  for (int i = 0; i < count; i++) {
    uint16_t id = take_id();
    uint8_t *m = b->datagrams[i];
    pending[id].used = 1;
    pending[id].client = b->peers[i];
    memcpy(&pending[id].client_id, m, 2);
    memcpy(m, &id, 2);
    b->vectors[i].iov_len = b->messages[i].msg_len;
    b->messages[i].msg_hdr.msg_name = NULL;
    b->messages[i].msg_hdr.msg_namelen = 0;
  }
  batch_send(upstream_fd, b, count > 0 ? count : 0);
}

static void replies(int client_fd, int upstream_fd, struct batch *b) {
  batch_prepare(b, BATCH, 0);
  int count = recvmmsg(upstream_fd, b->messages, BATCH, MSG_DONTWAIT, NULL);
  int answers = 0;
  for (int i = 0; i < count; i++) {
    uint8_t *m = b->datagrams[i];
    uint16_t id;
    memcpy(&id, m, 2);
    if (!pending[id].used) continue;
    pending[id].used = 0;
    memcpy(m, &pending[id].client_id, 2);
    b->peers[answers] = pending[id].client;
    b->vectors[i].iov_len = b->messages[i].msg_len;
    b->messages[answers].msg_hdr.msg_iov = &b->vectors[i];
    b->messages[answers].msg_hdr.msg_name = &b->peers[answers];
    b->messages[answers].msg_hdr.msg_namelen = sizeof b->peers[answers];
    answers++;
  }
  batch_send(client_fd, b, answers);
}

int main(int argc, char **argv) {
  static struct batch batch;
  if (argc != 3) return 2;
  int client_fd = open_socket(atoi(argv[1]));
  int upstream_fd = open_socket(0);
  struct sockaddr_in upstream = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[2]))};
  upstream.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(upstream_fd, (struct sockaddr *)&upstream, sizeof upstream) != 0) die("connect");
  struct pollfd fds[2] = {{.fd = client_fd, .events = POLLIN}, {.fd = upstream_fd, .events = POLLIN}};
  for (;;) {
    if (poll(fds, 2, -1) < 0 && errno != EINTR) die("poll");
    if (fds[0].revents != 0) queries(client_fd, upstream_fd, &batch);
    if (fds[1].revents != 0) replies(client_fd, upstream_fd, &batch);
  }
}
