// The state of one thread's batched sockets, shared by batch_socket.c (datagrams) and module.c
// (what JavaScript calls).
#ifndef UNLOOP_BATCH_SOCKET_H
#define UNLOOP_BATCH_SOCKET_H
#define _GNU_SOURCE
#define NAPI_VERSION 8
#include <node_api.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "descriptor.h"

// Batches taken from one socket before the others have their turn.
#define MAX_ROUNDS 4
// A listening socket whose batch has this many datagrams is busy: it is looked at again at once,
// without asking epoll.
#define BUSY_FROM 8
// A busy socket's batches that are shorter than this are given a moment to grow (gather). The
// kernel adds up to 50 µs to it, its timer slack (prctl(2)).
#define LONG_BATCH 40
#define GATHER_NS 30000
// Rounds of error reports (each may make JavaScript send again) before the loop goes on.
#define MAX_REPORT_ROUNDS 4

// Datagrams that one send may stand for, and the longest of them: what passes every path
// unfragmented (RFC 9715 §3.2). The kernel cuts no more than 64 and no more than 64 KiB.
#define MAX_SEGMENTS 48
#define MAX_SEGMENT_BYTES 1232

// As in ../datagram-socket.ts and ../batch-socket.ts; attach() compares the sizes of the arrays it
// is given.
#define RECEIVE_SLOTS 64
#define SEND_SLOTS 128
#define SLOT_BYTES 4096
#define PEER_WORDS 12
#define MAX_SOCKETS 1024

// Room for one IP_PKTINFO or IPV6_PKTINFO and one UDP_SEGMENT, aligned as cmsghdr must be.
typedef union {
  struct cmsghdr align;
  char bytes[CMSG_SPACE(sizeof(struct in6_pktinfo)) + CMSG_SPACE(sizeof(uint16_t))];
} Control;

typedef struct Thread Thread;

// An open socket. Its memory lives until libuv has let go of `poll`, after fd is closed.
typedef struct {
  uv_poll_t poll;
  Thread *thread;
  int fd;
  int32_t id;
  bool connected;
  bool busy;  // a listening socket whose last batch was of BUSY_FROM or more
  bool closing;
  bool segments;   // the kernel may be given several datagrams as one, to be cut by it (UDP_SEGMENT)
  bool inherited;  // the service manager holds it too, and will hand it to our successor
  int pending_error;  // errno that a send ran into, to be reported by on_prepare; 0 none
  uint64_t received, sent, oversized, source_port_zero, send_failures;
} Socket;

struct Thread {
  napi_env env;
  napi_ref on_event;
  napi_async_cleanup_hook_handle hook;
  uv_loop_t *loop;
  uv_prepare_t prepare;
  int open_handles;  // libuv handles not yet closed; the thread must not end before it is 0
  bool attached, ending, errors_pending;
  Socket *sockets[MAX_SOCKETS];

  // JavaScript's memory, kept alive by array_refs.
  napi_ref array_refs[8];
  uint8_t *receive_memory, *send_memory;
  int32_t *receive_lengths, *receive_peers, *send_lengths, *send_peers, *send_sockets;
  int32_t *queued;  // send slots filled

  int ready_headers;  // of receive_headers, from the end: not written to by the kernel since they were made ready
  struct mmsghdr receive_headers[RECEIVE_SLOTS], send_headers[SEND_SLOTS];
  struct iovec receive_vectors[RECEIVE_SLOTS], send_vectors[SEND_SLOTS];
  Address receive_names[RECEIVE_SLOTS], send_names[SEND_SLOTS];
  Control receive_controls[RECEIVE_SLOTS], send_controls[SEND_SLOTS];
  uint64_t send_order[SEND_SLOTS];  // flush()'s: the filled slots, sorted
};

// Writes a peer record with this remote end; the local end is left to the kernel.
void write_ends(int32_t *peer, const Address *remote);

// Sends everything that JavaScript queued: one sendmmsg per socket, and in it one message for those
// that may go together. Datagrams of one length to one place keep their order; others may overtake
// each other, as on any network.
void flush(Thread *thread);

// libuv's callbacks: a socket has datagrams or an error; the loop is about to wait.
void on_readable(uv_poll_t *handle, int status, int events);
void on_prepare(uv_prepare_t *handle);

#endif
