/* What the programs in this folder share: a loopback UDP socket, and a batch of datagrams for
 * recvmmsg and sendmmsg. */
#ifndef BATCH_H
#define BATCH_H

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef BATCH
#define BATCH 64
#endif
#define DATAGRAM 4096
#define BUFFER_BYTES (4 * 1024 * 1024)
#define HEADER 12

struct batch {
  struct mmsghdr messages[BATCH];
  struct iovec vectors[BATCH];
  struct sockaddr_in peers[BATCH];
  uint8_t datagrams[BATCH][DATAGRAM];
};

/* Points every message at its own memory, ready to receive (again). `peers` 0: for a connected
 * socket. */
static inline void batch_prepare(struct batch *b, int count, int peers) {
  for (int i = 0; i < count; i++) {
    b->vectors[i] = (struct iovec){.iov_base = b->datagrams[i], .iov_len = DATAGRAM};
    b->messages[i].msg_hdr = (struct msghdr){
        .msg_name = peers ? &b->peers[i] : NULL,
        .msg_namelen = peers ? sizeof b->peers[i] : 0,
        .msg_iov = &b->vectors[i],
        .msg_iovlen = 1,
    };
  }
}

/* Sends messages 0 … count−1; one that cannot be sent is skipped, as a server would. */
static inline void batch_send(int fd, struct batch *b, int count) {
  for (int sent = 0; sent < count;) {
    int n = sendmmsg(fd, b->messages + sent, count - sent, 0);
    sent += n > 0 ? n : 1;
  }
}

static inline void die(const char *what) {
  perror(what);
  exit(1);
}

/* A UDP socket on 127.0.0.1. Port 0: the kernel's choice. */
static inline int open_socket(int port) {
  int fd = socket(AF_INET, SOCK_DGRAM, 0);
  if (fd < 0) die("socket");
  int bytes = BUFFER_BYTES;
  if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes) != 0)
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (bind(fd, (struct sockaddr *)&address, sizeof address) != 0) die("bind");
  return fd;
}

#endif
