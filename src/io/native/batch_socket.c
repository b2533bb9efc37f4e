// Batched UDP for one thread's event loop: recvmmsg → one JavaScript call → sendmmsg. The
// JavaScript side is ../batch-socket.ts, which owns all the memory named in Thread; the contract is
// ../datagram-socket.ts.
//
//   epoll ─▶ on_readable ─recvmmsg─▶ receive slots ─▶ onEvent(socket, count) ─▶ send slots ─▶ flush ─sendmmsg─▶
//                                    (JavaScript reads)   (one call)    (JavaScript writes)
//
// Plain Node-API and libuv, Linux only. One Thread per Node-API environment (the main thread and
// each worker has its own), no globals, no locks. JavaScript never calls in to send: what it queued
// is flushed here, right after onEvent returns, or just before the loop waits again (on_prepare)
// when it was queued anywhere else.
#include "batch_socket.h"

#include <errno.h>
#include <string.h>
#include <time.h>

// Words of a peer record; the addresses are bytes in network order.
enum { FAMILY_AND_PORT = 0, REMOTE = 1, SCOPE = 5, INTERFACE = 6, LOCAL = 7 };

// ─── Sending ──────────────────────────────────────────────────────────────────────────────────────────────────────

// Appends one control item to a header whose controls are kept in `control`. Six parameters: four
// of them are the item (cmsg(3)).
static void add_control(struct msghdr *header, Control *control, int level, int type, const void *data, size_t size) {
  if (header->msg_control == NULL) {
    memset(control, 0, sizeof *control);
    header->msg_control = control->bytes;
  }
  struct cmsghdr *item = (struct cmsghdr *)(control->bytes + header->msg_controllen);
  item->cmsg_level = level;
  item->cmsg_type = type;
  item->cmsg_len = CMSG_LEN(size);
  memcpy(CMSG_DATA(item), data, size);
  header->msg_controllen += CMSG_SPACE(size);
}

// The source address of a reply from a wildcard socket (RFC 2181 §4). The route chooses the
// interface, except where the source is link-local and means nothing without it.
static void set_source(struct msghdr *header, Control *control, bool is_v6, const int32_t *peer) {
  if (is_v6) {
    struct in6_pktinfo source = {0};
    memcpy(&source.ipi6_addr, peer + LOCAL, 16);
    if (IN6_IS_ADDR_LINKLOCAL(&source.ipi6_addr)) source.ipi6_ifindex = (unsigned)peer[INTERFACE];
    add_control(header, control, IPPROTO_IPV6, IPV6_PKTINFO, &source, sizeof source);
  } else {
    struct in_pktinfo source = {0};
    memcpy(&source.ipi_spec_dst, peer + LOCAL, 4);
    add_control(header, control, IPPROTO_IP, IP_PKTINFO, &source, sizeof source);
  }
}

static void set_destination(Thread *thread, int slot, int position) {
  const int32_t *peer = thread->send_peers + slot * PEER_WORDS;
  struct msghdr *header = &thread->send_headers[position].msg_hdr;
  Address *name = &thread->send_names[position];
  bool is_v6 = (peer[FAMILY_AND_PORT] >> 16) == 6;
  memset(name, 0, sizeof *name);
  if (is_v6) {
    name->v6.sin6_family = AF_INET6;
    name->v6.sin6_port = htons((uint16_t)peer[FAMILY_AND_PORT]);
    name->v6.sin6_scope_id = (uint32_t)peer[SCOPE];
    memcpy(&name->v6.sin6_addr, peer + REMOTE, 16);
    header->msg_namelen = sizeof name->v6;
  } else {
    name->v4.sin_family = AF_INET;
    name->v4.sin_port = htons((uint16_t)peer[FAMILY_AND_PORT]);
    memcpy(&name->v4.sin_addr, peer + REMOTE, 4);
    header->msg_namelen = sizeof name->v4;
  }
  header->msg_name = name;
  if ((peer[LOCAL] | peer[LOCAL + 1] | peer[LOCAL + 2] | peer[LOCAL + 3]) != 0)
    set_source(header, &thread->send_controls[position], is_v6, peer);
}

// Datagrams that go the same way are next to each other in the queue once it is sorted by this: 24
// bits of a hash of the remote end. That two ends share it costs a few system calls' worth of
// company, nothing else.
static uint32_t hash_remote(const Socket *socket, const int32_t *peer) {
  if (socket->connected) return 0;
  uint32_t hash = (uint32_t)peer[FAMILY_AND_PORT];
  for (int word = REMOTE; word < REMOTE + 4; word++) hash = hash * 0x9e3779b1u + (uint32_t)peer[word];
  return hash * 0x85ebca6bu >> 8;
}

// Sorts what is queued by socket, way and length, the longest first and equal ones as they were
// queued, and returns how many that are: a slot of a socket that is closed, or of an impossible
// length, is left out.
//
//   bit 63 | socket | way, 24 bits | 0xffff - length | slot | 0
static int sort_queue(Thread *thread, int queued) {
  uint64_t *order = thread->send_order;
  int count = 0;
  for (int slot = 0; slot < queued; slot++) {
    int32_t id = thread->send_sockets[slot], length = thread->send_lengths[slot];
    if (id < 0 || id >= MAX_SOCKETS || thread->sockets[id] == NULL) continue;
    Socket *socket = thread->sockets[id];
    if (length < 0 || length > SLOT_BYTES) {
      socket->send_failures++;
      continue;
    }
    uint64_t way = hash_remote(socket, thread->send_peers + slot * PEER_WORDS);
    uint64_t key = (uint64_t)id << 48 | way << 24 | (uint64_t)(0xffff - length) << 8 | (uint64_t)slot;
    int place = count++;
    for (; place > 0 && order[place - 1] > key; place--) order[place] = order[place - 1];
    order[place] = key;
  }
  return count;
}

static int slot_at(const Thread *thread, int place) { return (int)(thread->send_order[place] & 0xff); }

static Socket *socket_at(const Thread *thread, int place) { return thread->sockets[thread->send_sockets[slot_at(thread, place)]]; }

static bool go_same_way(const Thread *thread, const Socket *socket, int slot, int other) {
  if (thread->send_sockets[other] != socket->id) return false;
  if (socket->connected) return true;
  const int32_t *peer = thread->send_peers + slot * PEER_WORDS, *other_peer = thread->send_peers + other * PEER_WORDS;
  return memcmp(peer, other_peer, PEER_WORDS * sizeof *peer) == 0;
}

static bool may_have_company(const Thread *thread, const Socket *socket, int slot) {
  int32_t length = thread->send_lengths[slot];
  return socket->segments && length > 0 && length <= MAX_SEGMENT_BYTES;
}

// Takes the datagram in a slot as the next segment of a header.
static void add_segment(Thread *thread, struct msghdr *header, int slot) {
  header->msg_iov[header->msg_iovlen++] =
      (struct iovec){thread->send_memory + (size_t)slot * SLOT_BYTES, (size_t)thread->send_lengths[slot]};
}

// Fills a header with datagrams that share their way through the kernel's stack, which cuts them
// apart again at its end (UDP_SEGMENT): of the sorted queue the one at `place`, those behind it
// that go the same way and are as long, and a shorter one.
//
//   | segment_bytes | segment_bytes | … | < segment_bytes |
//
// With all of one length that is one header; with all of different lengths half as many as there
// are datagrams.
//
// Six parameters: which datagrams (place, count), and the memory for them (position, vectors).
static void prepare_send(Thread *thread, const Socket *socket, int place, int count, int position, struct iovec *vectors) {
  struct msghdr *header = &thread->send_headers[position].msg_hdr;
  *header = (struct msghdr){.msg_iov = vectors};
  int slot = slot_at(thread, place);
  if (!socket->connected) set_destination(thread, slot, position);
  add_segment(thread, header, slot);
  if (!may_have_company(thread, socket, slot)) return;
  int32_t length = thread->send_lengths[slot];
  bool is_last = false;
  while (++place < count && !is_last && header->msg_iovlen < MAX_SEGMENTS) {
    int other = slot_at(thread, place);
    if (!may_have_company(thread, socket, other) || !go_same_way(thread, socket, slot, other)) break;
    is_last = thread->send_lengths[other] < length;
    add_segment(thread, header, other);
  }
  if (header->msg_iovlen == 1) return;
  uint16_t segment_bytes = (uint16_t)length;
  add_control(header, &thread->send_controls[position], IPPROTO_UDP, UDP_SEGMENT, &segment_bytes, sizeof segment_bytes);
}

static void note_error(Socket *socket, int error) {
  socket->pending_error = error;
  socket->thread->errors_pending = true;
}

// Sends one by one what the kernel would not cut: on a route through IPsec, by a device that leaves
// checksums to us, over a path with a small MTU.
static void send_apart(Socket *socket, const struct msghdr *together) {
  struct msghdr header = *together;
  header.msg_iovlen = 1;
  // UDP_SEGMENT is the last control.
  header.msg_controllen -= CMSG_SPACE(sizeof(uint16_t));
  if (header.msg_controllen == 0) header.msg_control = NULL;
  for (size_t i = 0; i < together->msg_iovlen; i++) {
    header.msg_iov = together->msg_iov + i;
    if (sendmsg(socket->fd, &header, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) socket->sent++;
    else socket->send_failures++;
  }
}

// Sends the first `count` headers by one socket. A datagram that the kernel refuses is counted and
// skipped.
//
// On a connected socket, a send may fail with the ICMP error of an *earlier* datagram, which it
// thereby consumes: the datagram itself is sound and goes out at the second try. Where that happens
// behind the first datagram, sendmmsg just returns short and drops the error; if the next try then
// succeeds, that is what it was.
static void send_group(Thread *thread, Socket *socket, int count) {
  int done = 0, failed_at = -1;
  bool returned_short = false;
  while (done < count) {
    int sent = sendmmsg(socket->fd, thread->send_headers + done, (unsigned)(count - done), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent > 0) {
      if (returned_short) note_error(socket, ECONNREFUSED);
      for (int end = done + sent; done < end; done++) socket->sent += thread->send_headers[done].msg_hdr.msg_iovlen;
      returned_short = socket->connected;
      continue;
    }
    int error = errno;
    if (error == EINTR) continue;
    returned_short = false;
    struct msghdr *header = &thread->send_headers[done].msg_hdr;
    if (header->msg_iovlen > 1 && (error == EIO || error == EINVAL || error == EMSGSIZE)) {
      // EIO: never by this device. The others: not on this path, whose MTU is smaller than a
      // segment.
      if (error == EIO) socket->segments = false;
      send_apart(socket, header);
      done++;
      continue;
    }
    if (socket->connected && error != EAGAIN && error != ENOBUFS && error != EMSGSIZE) {
      note_error(socket, error);
      if (failed_at != done) {
        failed_at = done;
        continue;
      }
    }
    socket->send_failures += header->msg_iovlen;
    done++;
  }
}

void flush(Thread *thread) {
  int32_t queued = *thread->queued;
  if (queued <= 0) return;
  *thread->queued = 0;
  if (queued > SEND_SLOTS) queued = SEND_SLOTS;
  int count = sort_queue(thread, queued);
  for (int place = 0; place < count;) {
    Socket *socket = socket_at(thread, place);
    int headers = 0, vectors = 0, first = place;
    while (place < count && socket_at(thread, place) == socket) {
      prepare_send(thread, socket, place, count, headers, thread->send_vectors + vectors);
      vectors += (int)thread->send_headers[headers++].msg_hdr.msg_iovlen;
      place = first + vectors;
    }
    send_group(thread, socket, headers);
  }
}

// ─── Receiving ────────────────────────────────────────────────────────────────────────────────────────────────────

// Calls onEvent(socket, count or -errno), then runs microtasks and ticks as Node does after any
// callback.
static void call_javascript(Thread *thread, int32_t id, int32_t value) {
  napi_env env = thread->env;
  napi_handle_scope scope;
  if (napi_open_handle_scope(env, &scope) != napi_ok) return;
  napi_value global, function, arguments[2], ignored;
  napi_get_global(env, &global);
  napi_get_reference_value(env, thread->on_event, &function);
  napi_create_int32(env, id, &arguments[0]);
  napi_create_int32(env, value, &arguments[1]);
  // Fails while a worker is being terminated, which is no matter; an exception is a defect and goes
  // the usual way.
  if (napi_make_callback(env, NULL, global, function, 2, arguments, &ignored) == napi_pending_exception) {
    napi_value exception;
    if (napi_get_and_clear_last_exception(env, &exception) == napi_ok) napi_fatal_exception(env, exception);
  }
  napi_close_handle_scope(env, scope);
}

void write_ends(int32_t *peer, const Address *remote) {
  memset(peer, 0, PEER_WORDS * sizeof *peer);
  if (remote->any.sa_family == AF_INET6) {
    peer[FAMILY_AND_PORT] = 6 << 16 | ntohs(remote->v6.sin6_port);
    memcpy(peer + REMOTE, &remote->v6.sin6_addr, 16);
    peer[SCOPE] = (int32_t)remote->v6.sin6_scope_id;
  } else {
    peer[FAMILY_AND_PORT] = 4 << 16 | ntohs(remote->v4.sin_port);
    memcpy(peer + REMOTE, &remote->v4.sin_addr, 4);
  }
}

// Adds where the datagram was sent to. A multicast destination cannot be a source: it stays 0.
static void write_local(int32_t *peer, struct msghdr *header) {
  for (struct cmsghdr *item = CMSG_FIRSTHDR(header); item != NULL; item = CMSG_NXTHDR(header, item)) {
    if (item->cmsg_level == IPPROTO_IP && item->cmsg_type == IP_PKTINFO) {
      struct in_pktinfo info;
      memcpy(&info, CMSG_DATA(item), sizeof info);
      peer[INTERFACE] = info.ipi_ifindex;
      memcpy(peer + LOCAL, &info.ipi_spec_dst, 4);
    } else if (item->cmsg_level == IPPROTO_IPV6 && item->cmsg_type == IPV6_PKTINFO) {
      struct in6_pktinfo info;
      memcpy(&info, CMSG_DATA(item), sizeof info);
      peer[INTERFACE] = (int32_t)info.ipi6_ifindex;
      if (!IN6_IS_ADDR_MULTICAST(&info.ipi6_addr)) memcpy(peer + LOCAL, &info.ipi6_addr, 16);
    }
  }
}

// Judges `taken` received datagrams, writes lengths and peers, and closes up the gaps that dropped
// ones leave.
static int32_t compact(Thread *thread, Socket *socket, int taken) {
  int32_t kept = 0;
  for (int slot = 0; slot < taken; slot++) {
    struct msghdr *header = &thread->receive_headers[slot].msg_hdr;
    const Address *remote = &thread->receive_names[slot];
    int32_t *peer = thread->receive_peers + kept * PEER_WORDS;
    if (header->msg_flags & MSG_TRUNC) {
      socket->oversized++;
      continue;
    }
    write_ends(peer, remote);
    if ((peer[FAMILY_AND_PORT] & 0xffff) == 0) {
      socket->source_port_zero++;
      continue;
    }
    if (header->msg_controllen > 0) write_local(peer, header);
    uint32_t length = thread->receive_headers[slot].msg_len;
    if (kept != slot)
      memcpy(thread->receive_memory + (size_t)kept * SLOT_BYTES, thread->receive_memory + (size_t)slot * SLOT_BYTES, length);
    thread->receive_lengths[kept++] = (int32_t)length;
  }
  socket->received += (uint64_t)kept;
  return kept;
}

// Takes what waits, up to the end of the batch, into the slots from `first` on. The kernel writes
// into the headers of what it delivers: these are made ready again, the others still are.
static int receive(Thread *thread, int fd, int first) {
  for (int slot = first; slot < RECEIVE_SLOTS - thread->ready_headers; slot++) {
    struct msghdr *header = &thread->receive_headers[slot].msg_hdr;
    header->msg_namelen = sizeof(Address);
    header->msg_controllen = sizeof(Control);
    header->msg_flags = 0;
  }
  int taken = recvmmsg(fd, thread->receive_headers + first, (unsigned)(RECEIVE_SLOTS - first), MSG_DONTWAIT, NULL);
  // One more than it took: the one that it may have failed at.
  int written = first + (taken > 0 ? taken : 0) + 1;
  thread->ready_headers = written < RECEIVE_SLOTS ? RECEIVE_SLOTS - written : 0;
  return taken;
}

// Lets a batch grow (docs/adr/0014-batches-that-grow.md): where datagrams keep coming while others
// are dealt with, yet too few for long batches, it pays to wait a moment. Clients are woken less
// often then, and more answers go to one client at a time. A client that asks little never meets
// this, nor does one that waits for all its answers before it asks again: nothing has come by then.
static int gather(Thread *thread, Socket *socket, int taken) {
  struct timespec pause = {0, GATHER_NS};
  nanosleep(&pause, NULL);
  int more = receive(thread, socket->fd, taken);
  return more > 0 ? taken + more : taken;
}

static bool is_broken(int error) { return error == EBADF || error == ENOTSOCK || error == EINVAL || error == EFAULT; }

// A socket has datagrams or an error. With an ICMP error libuv stops the handle and reports EBADF:
// the true error is recvmmsg's, and the handle is started again.
void on_readable(uv_poll_t *handle, int status, int events) {
  (void)events;
  Socket *socket = handle->data;
  Thread *thread = socket->thread;
  for (int round = 0; round < MAX_ROUNDS; round++) {
    int taken = receive(thread, socket->fd, 0);
    if (socket->busy && taken >= BUSY_FROM && taken < LONG_BATCH) taken = gather(thread, socket, taken);
    socket->busy = taken >= BUSY_FROM && !socket->connected;
    if (taken < 0) {
      int error = errno;
      if (error == EINTR) continue;
      if (error == EAGAIN || error == ENOMEM || error == ENOBUFS) break;
      if (is_broken(error)) uv_poll_stop(handle);
      call_javascript(thread, socket->id, -error);
      flush(thread);
      if (socket->closing || is_broken(error)) return;
      continue;
    }
    int32_t kept = compact(thread, socket, taken);
    if (kept > 0) {
      call_javascript(thread, socket->id, kept);
      flush(thread);
      if (socket->closing) return;
    }
    // A shorter batch emptied the queue; looking once more would only cost a system call.
    if (!socket->busy && taken < RECEIVE_SLOTS) break;
  }
  if (status < 0) uv_poll_start(handle, UV_READABLE, on_readable);
}

// Before the loop waits: sends what was queued outside of onEvent (timers, TCP, promises; one batch
// for all of them), and reports the errors that sends ran into.
void on_prepare(uv_prepare_t *handle) {
  Thread *thread = handle->data;
  flush(thread);
  for (int round = 0; thread->errors_pending && round < MAX_REPORT_ROUNDS; round++) {
    thread->errors_pending = false;
    for (int id = 0; id < MAX_SOCKETS; id++) {
      Socket *socket = thread->sockets[id];
      if (socket == NULL || socket->pending_error == 0) continue;
      int error = socket->pending_error;
      socket->pending_error = 0;
      call_javascript(thread, id, -error);
    }
    flush(thread);
  }
}
