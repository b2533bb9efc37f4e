// The addon's C under libFuzzer, AddressSanitizer and UndefinedBehaviorSanitizer, without Node.js:
// the input says what the kernel delivers and returns, and what JavaScript writes into its arrays,
// which nobody checks before the C does. Built and run by ../addon-fuzz.ts.
//
//   input ─▶ recvmmsg (lengths, flags, addresses, controls) ─▶ on_readable ─▶ JavaScript (slots, lengths, peers) ─▶
//            flush ─▶ sendmmsg, sendmsg (every byte of every vector is read; what they return)
#include "batch_socket.h"
#include "notification.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FAIL(what) (fprintf(stderr, "broken: %s\n", what), abort())
#include <stdio.h>

static const uint8_t *input;
static size_t left;
static Thread *thread;
static volatile uint64_t sum;
static size_t committed, attempted;

static uint8_t take(void) {
  if (left == 0) return 0;
  left--;
  return *input++;
}
static uint32_t take32(void) { return (uint32_t)take() << 24 | (uint32_t)take() << 16 | (uint32_t)take() << 8 | take(); }

static void fill(void *memory, size_t size) {
  uint8_t *to = memory;
  for (size_t i = 0; i < size; i++) to[i] = take();
}

// ─── The kernel ───────────────────────────────────────────────────────────────────────────────────────────────────

static int fail(void) {
  static const int errors[] = {EAGAIN, ECONNREFUSED, EMSGSIZE, EIO, EINVAL, ENOBUFS, EPERM, EHOSTUNREACH};
  errno = errors[take() & 7];
  return -1;
}

// What the kernel leaves in a header, also in the one that it failed at.
static void use_up(struct msghdr *header) { header->msg_namelen = 0, header->msg_controllen = 0, header->msg_flags = -1; }

// Fills `count` headers at the most, as the kernel may: within the vectors and the sizes that it is
// given.
int __wrap_recvmmsg(int fd, struct mmsghdr *headers, unsigned count, int flags, struct timespec *timeout) {
  (void)fd, (void)flags, (void)timeout;
  uint8_t how = take();
  unsigned first = (unsigned)(headers - thread->receive_headers);
  if (first + count != RECEIVE_SLOTS) FAIL("other slots than the last ones");
  for (unsigned i = 0; i < count; i++) {
    const struct msghdr *header = &headers[i].msg_hdr;
    if (header->msg_namelen != sizeof(Address) || header->msg_controllen != sizeof(Control) || header->msg_flags != 0)
      FAIL("a header that is not ready");
  }
  if (left == 0 || (how & 0xc0) == 0xc0) {
    use_up(&headers[0].msg_hdr);
    return fail();
  }
  unsigned taken = (how & 0x3f) + 1u;
  if (taken > count) taken = count;
  if (taken < count) use_up(&headers[taken].msg_hdr);
  for (unsigned i = 0; i < taken; i++) {
    struct msghdr *header = &headers[i].msg_hdr;
    use_up(header);
    uint32_t length = take32() & 0x1fff;
    if (header->msg_iovlen != 1 || header->msg_iov->iov_len != SLOT_BYTES) FAIL("a receive slot");
    header->msg_flags = length > SLOT_BYTES ? MSG_TRUNC : 0;
    if (length > SLOT_BYTES) length = SLOT_BYTES;
    headers[i].msg_len = length;
    Address *name = header->msg_name;
    memset(name, 0, sizeof *name);
    name->any.sa_family = take() & 1 ? AF_INET6 : AF_INET;
    // The port tells which datagram this is, the bytes repeat it.
    name->v4.sin_port = take() & 1 ? htons((uint16_t)(first + i + 1)) : 0;
    memset(header->msg_iov->iov_base, (int)(first + i) + 1, length);
    uint8_t control = take();
    if ((control & 3) == 0) continue;
    struct cmsghdr *item = (struct cmsghdr *)header->msg_control;
    size_t size = control & 1 ? sizeof(struct in_pktinfo) : sizeof(struct in6_pktinfo);
    item->cmsg_level = control & 1 ? IPPROTO_IP : IPPROTO_IPV6;
    item->cmsg_type = control & 4 ? take() : control & 1 ? IP_PKTINFO : IPV6_PKTINFO;
    item->cmsg_len = CMSG_LEN(size);
    fill(CMSG_DATA(item), size);
    header->msg_controllen = CMSG_SPACE(size);
  }
  return (int)taken;
}

static void check_header(const struct msghdr *header) {
  size_t bytes = 0;
  for (size_t i = 0; i < header->msg_iovlen; i++) {
    const struct iovec *vector = &header->msg_iov[i];
    size_t offset = (size_t)((uint8_t *)vector->iov_base - thread->send_memory);
    if (offset % SLOT_BYTES != 0 || offset / SLOT_BYTES >= SEND_SLOTS || vector->iov_len > SLOT_BYTES) FAIL("a vector");
    for (size_t at = 0; at < vector->iov_len; at++) sum += ((uint8_t *)vector->iov_base)[at];
    bytes += vector->iov_len;
    if (i > 0 && vector->iov_len > header->msg_iov->iov_len) FAIL("a segment longer than the first");
    if (i > 0 && i + 1 < header->msg_iovlen && vector->iov_len != header->msg_iov->iov_len) FAIL("a short segment in the middle");
  }
  if (header->msg_iovlen == 0 || header->msg_iovlen > 64 || bytes > 65507) FAIL("more than the kernel takes");
  for (size_t i = 0; i < header->msg_namelen; i++) sum += ((uint8_t *)header->msg_name)[i];
  if (header->msg_controllen > sizeof(Control)) FAIL("controls");
  for (size_t i = 0; i < header->msg_controllen; i++) sum += ((uint8_t *)header->msg_control)[i];
}

int __wrap_sendmmsg(int fd, struct mmsghdr *headers, unsigned count, int flags) {
  (void)fd, (void)flags;
  if (count > SEND_SLOTS) FAIL("more headers than slots");
  for (unsigned i = 0; i < count; i++) check_header(&headers[i].msg_hdr);
  uint8_t how = take();
  if (how & 1) return fail();
  unsigned sent = left == 0 ? count : 1u + how % count;
  return (int)(sent > count ? count : sent);
}

ssize_t __wrap_sendmsg(int fd, const struct msghdr *header, int flags) {
  (void)fd, (void)flags;
  check_header(header);
  return take() & 1 ? fail() : (ssize_t)header->msg_iov->iov_len;
}

// ─── JavaScript ───────────────────────────────────────────────────────────────────────────────────────────────────

// Writes whatever it likes into the arrays: what an error there would do.
static void write_slots(void) {
  uint8_t how = take();
  int32_t slots = how & 0x80 ? (int32_t)take32() : how & 0x7f;
  for (int32_t slot = 0; slot < slots && slot < SEND_SLOTS; slot++) {
    uint8_t kind = take();
    int32_t *peer = thread->send_peers + slot * PEER_WORDS;
    if (kind & 1) fill(peer, PEER_WORDS * sizeof *peer);
    else if (slot > 0) memcpy(peer, peer - PEER_WORDS, PEER_WORDS * sizeof *peer);
    thread->send_lengths[slot] = kind & 2 ? (int32_t)take32() : kind & 4 ? 100 + (kind >> 6) : (kind >> 3) * 200;
    thread->send_sockets[slot] = (kind & 0x18) == 0x18 ? (int32_t)take32() : (kind >> 5) & 3;
  }
  *thread->queued = slots;
  committed += slots < 0 ? 0 : slots > SEND_SLOTS ? SEND_SLOTS : (size_t)slots;
}

napi_status napi_make_callback(napi_env env, napi_async_context context, napi_value receiver, napi_value function, size_t count,
                               const napi_value *arguments, napi_value *result) {
  (void)env, (void)context, (void)receiver, (void)function, (void)count, (void)result;
  int32_t kept = (int32_t)(intptr_t)arguments[1];
  if (kept > RECEIVE_SLOTS) FAIL("more datagrams than slots");
  for (int32_t slot = 0; slot < kept; slot++) {
    int32_t length = thread->receive_lengths[slot];
    if (length < 0 || length > SLOT_BYTES) FAIL("a length");
    uint32_t port = (uint32_t)thread->receive_peers[slot * PEER_WORDS] & 0xffff;
    if (port == 0 || port > RECEIVE_SLOTS) FAIL("a port");
    const uint8_t *bytes = thread->receive_memory + (size_t)slot * SLOT_BYTES;
    for (int32_t at = 0; at < length; at++)
      if (bytes[at] != port) FAIL("a datagram under another's address");
  }
  write_slots();
  return take() & 1 ? napi_pending_exception : napi_ok;
}

napi_status napi_open_handle_scope(napi_env env, napi_handle_scope *scope) { return (void)env, *scope = NULL, napi_ok; }
napi_status napi_close_handle_scope(napi_env env, napi_handle_scope scope) { return (void)env, (void)scope, napi_ok; }
napi_status napi_get_global(napi_env env, napi_value *value) { return (void)env, *value = NULL, napi_ok; }
napi_status napi_get_reference_value(napi_env env, napi_ref ref, napi_value *value) {
  return (void)env, (void)ref, *value = NULL, napi_ok;
}
napi_status napi_create_int32(napi_env env, int32_t number, napi_value *value) {
  return (void)env, *value = (napi_value)(intptr_t)number, napi_ok;
}
napi_status napi_get_and_clear_last_exception(napi_env env, napi_value *value) { return (void)env, *value = NULL, napi_ok; }
napi_status napi_fatal_exception(napi_env env, napi_value value) { return (void)env, (void)value, napi_ok; }
int uv_poll_start(uv_poll_t *handle, int events, uv_poll_cb callback) { return (void)handle, (void)events, (void)callback, 0; }
int uv_poll_stop(uv_poll_t *handle) { return (void)handle, 0; }

// As libuv's, save that it is the C library's parser: what is fuzzed is what is done with the text.
int uv_ip4_addr(const char *text, int port, struct sockaddr_in *address) {
  address->sin_family = AF_INET;
  address->sin_port = htons((uint16_t)port);
  return inet_pton(AF_INET, text, &address->sin_addr) == 1 ? 0 : UV_EINVAL;
}
int uv_ip6_addr(const char *text, int port, struct sockaddr_in6 *address) {
  char bare[INET6_ADDRSTRLEN + 1];
  size_t length = strcspn(text, "%");
  if (length > INET6_ADDRSTRLEN) return UV_EINVAL;
  memcpy(bare, text, length);
  bare[length] = '\0';
  address->sin6_family = AF_INET6;
  address->sin6_port = htons((uint16_t)port);
  return inet_pton(AF_INET6, bare, &address->sin6_addr) == 1 ? 0 : UV_EINVAL;
}

// ─── The input ────────────────────────────────────────────────────────────────────────────────────────────────────

static void *array(size_t bytes) {
  void *memory = calloc(1, bytes);
  if (memory == NULL) abort();
  return memory;
}

static void attach(void) {
  thread = array(sizeof *thread);
  thread->receive_memory = array(RECEIVE_SLOTS * SLOT_BYTES);
  thread->receive_lengths = array(RECEIVE_SLOTS * 4);
  thread->receive_peers = array(RECEIVE_SLOTS * PEER_WORDS * 4);
  thread->send_memory = array(SEND_SLOTS * SLOT_BYTES);
  thread->send_lengths = array(SEND_SLOTS * 4);
  thread->send_peers = array(SEND_SLOTS * PEER_WORDS * 4);
  thread->send_sockets = array(SEND_SLOTS * 4);
  thread->queued = array(4);
  for (int slot = 0; slot < RECEIVE_SLOTS; slot++) {
    struct msghdr *header = &thread->receive_headers[slot].msg_hdr;
    thread->receive_vectors[slot] = (struct iovec){thread->receive_memory + (size_t)slot * SLOT_BYTES, SLOT_BYTES};
    header->msg_iov = &thread->receive_vectors[slot];
    header->msg_iovlen = 1;
    header->msg_name = &thread->receive_names[slot];
    header->msg_control = thread->receive_controls[slot].bytes;
  }
  // Socket 0 serves, 1 and 2 are connected; 3 does not exist.
  for (int id = 0; id < 3; id++) {
    Socket *socket = array(sizeof *socket);
    socket->thread = thread;
    socket->id = id;
    socket->fd = -1;
    socket->connected = id > 0;
    socket->poll.data = socket;
    thread->sockets[id] = socket;
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (thread == NULL) attach();
  input = data;
  left = size;
  uint8_t how = take();
  char text[64] = "";
  Address address;
  if ((how & 7) == 7) {
    // Texts of configuration and environment.
    size_t length = left < sizeof text - 1 ? left : sizeof text - 1;
    fill(text, length);
    parse_address(text, how, &address);
    // '@': nothing is left in the file system, and nobody listens.
    char path[128] = "@", message[8] = "x";
    memcpy(path + 1, text, length);
    send_notification(path, (how >> 3) + (how & 8 ? 100 : 0), message, 1);
    return 0;
  }
  for (int id = 0; id < 3; id++) {
    Socket *socket = thread->sockets[id];
    socket->segments = (how >> (4 + (id & 1))) & 1;
    socket->busy = id == 0 && how & 0x40;
    socket->pending_error = 0;
    socket->sent = socket->send_failures = 0;
  }
  thread->errors_pending = false;
  committed = attempted = 0;
  memset(thread->send_memory, 0xab, SEND_SLOTS * SLOT_BYTES);
  if (how & 1) write_slots();
  if (how & 2) on_readable(&thread->sockets[(how >> 2) & 1]->poll, how & 8 ? UV_EBADF : 0, UV_READABLE);
  thread->prepare.data = thread;
  on_prepare(&thread->prepare);
  if (*thread->queued != 0 && *thread->queued > 0) FAIL("something is left in the queue");
  for (int id = 0; id < 3; id++) attempted += thread->sockets[id]->sent + thread->sockets[id]->send_failures;
  if (attempted > committed) FAIL("more was sent than was queued");
  return 0;
}
