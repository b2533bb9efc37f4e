// What JavaScript calls (../native-addon.ts has the types), and the life of a thread's sockets. The
// datagrams themselves are batch_socket.c's. All functions belong to the thread that loaded the
// addon.
#include "batch_socket.h"
#include "notification.h"
#include "ticks.h"
#include "time_slice.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <sys/un.h>
#include <unistd.h>

// Raised with every change that native-addon.ts must know of: an addon of another number is not
// used.
#define ABI 8
#define COUNTERS 6

// ─── Opening and closing ──────────────────────────────────────────────────────────────────────────────────────────

static void release_handle(Thread *thread) {
  if (--thread->open_handles > 0 || !thread->ending) return;
  napi_remove_async_cleanup_hook(thread->hook);
  free(thread);
}

static void on_socket_closed(uv_handle_t *handle) {
  Socket *socket = handle->data;
  Thread *thread = socket->thread;
  free(socket);
  release_handle(thread);
}

static void on_prepare_closed(uv_handle_t *handle) { release_handle(handle->data); }

static void close_socket(Socket *socket) {
  socket->closing = true;
  socket->thread->sockets[socket->id] = NULL;
  uv_close((uv_handle_t *)&socket->poll, on_socket_closed);
  close(socket->fd);
}

// The environment ends (process exit, worker terminated): every handle must be closed before its
// loop is, or libuv aborts the whole process. Hence asynchronous: Node runs the loop until the hook
// is removed.
static void on_thread_end(napi_async_cleanup_hook_handle hook, void *data) {
  (void)hook;
  Thread *thread = data;
  thread->ending = true;
  for (int id = 0; id < MAX_SOCKETS; id++)
    if (thread->sockets[id] != NULL) close_socket(thread->sockets[id]);
  uv_close((uv_handle_t *)&thread->prepare, on_prepare_closed);
}

// Puts a descriptor under the loop's watch. Returns the socket's id or -errno (the descriptor is
// then closed).
static int watch(Thread *thread, int fd, bool connected, bool inherited) {
  int32_t id = 0;
  while (id < MAX_SOCKETS && thread->sockets[id] != NULL) id++;
  Socket *socket = id < MAX_SOCKETS ? calloc(1, sizeof *socket) : NULL;
  int error = socket == NULL ? -EMFILE : uv_poll_init(thread->loop, &socket->poll, fd);
  if (error != 0) {
    free(socket);
    close(fd);
    return error;
  }
  socket->poll.data = socket;
  socket->thread = thread;
  socket->fd = fd;
  socket->id = id;
  socket->connected = connected;
  socket->segments = can_segment(fd);
  socket->inherited = inherited;
  thread->sockets[id] = socket;
  thread->open_handles++;
  error = uv_poll_start(&socket->poll, UV_READABLE, on_readable);
  if (error == 0) return id;
  close_socket(socket);
  return error;
}

// ─── Functions ────────────────────────────────────────────────────────────────────────────────────────────────────

static napi_value to_number(napi_env env, int32_t value) {
  napi_value result = NULL;
  napi_create_int32(env, value, &result);
  return result;
}

static int32_t to_int(napi_env env, napi_value value) {
  int32_t result = 0;
  napi_get_value_int32(env, value, &result);
  return result;
}

// Parses the address in `text` with its port; an empty text gives 1, a bad one -EINVAL.
static int to_address(napi_env env, napi_value text, napi_value port, Address *address) {
  char buffer[INET6_ADDRSTRLEN + IF_NAMESIZE + 1] = "";
  size_t length = 0;
  if (napi_get_value_string_utf8(env, text, buffer, sizeof buffer, &length) != napi_ok) return -EINVAL;
  return length == 0 ? 1 : parse_address(buffer, to_int(env, port), address);
}

// The memory of a typed array of exactly `bytes` bytes, or NULL.
static void *to_memory(napi_env env, napi_value array, size_t bytes) {
  napi_typedarray_type type;
  size_t length = 0;
  void *data = NULL;
  if (napi_get_typedarray_info(env, array, &type, &length, &data, NULL, NULL) != napi_ok) return NULL;
  size_t size = type == napi_uint8_array ? 1 : type == napi_int32_array ? 4 : type == napi_float64_array ? 8 : 0;
  return length * size == bytes ? data : NULL;
}

static Thread *enter(napi_env env, napi_callback_info info, size_t count, napi_value *arguments) {
  Thread *thread = NULL;
  size_t given = count;
  napi_get_cb_info(env, info, &given, arguments, NULL, (void **)&thread);
  return thread;
}

// attach(onEvent, receiveMemory, receiveLengths, receivePeers, sendMemory, sendLengths, sendPeers,
// sendSockets, control): once per thread, before anything else. Throws when a size is not the one
// compiled in.
static napi_value attach(napi_env env, napi_callback_info info) {
  napi_value arguments[9];
  Thread *thread = enter(env, info, 9, arguments);
  static const size_t sizes[8] = {
      RECEIVE_SLOTS * SLOT_BYTES, RECEIVE_SLOTS * 4, RECEIVE_SLOTS * PEER_WORDS * 4, SEND_SLOTS * SLOT_BYTES,
      SEND_SLOTS * 4,             SEND_SLOTS * PEER_WORDS * 4, SEND_SLOTS * 4, 4};
  void *memory[8];
  for (int i = 0; i < 8; i++) {
    memory[i] = to_memory(env, arguments[i + 1], sizes[i]);
    if (memory[i] == NULL || thread->attached) {
      napi_throw_error(env, "ERR_INVALID_STATE", "attach: called twice, or with memory of another size");
      return NULL;
    }
  }
  thread->attached = true;
  napi_create_reference(env, arguments[0], 1, &thread->on_event);
  for (int i = 0; i < 8; i++) napi_create_reference(env, arguments[i + 1], 1, &thread->array_refs[i]);
  thread->receive_memory = memory[0];
  thread->receive_lengths = memory[1];
  thread->receive_peers = memory[2];
  thread->send_memory = memory[3];
  thread->send_lengths = memory[4];
  thread->send_peers = memory[5];
  thread->send_sockets = memory[6];
  thread->queued = memory[7];
  for (int slot = 0; slot < RECEIVE_SLOTS; slot++) {
    struct msghdr *header = &thread->receive_headers[slot].msg_hdr;
    thread->receive_vectors[slot].iov_base = thread->receive_memory + (size_t)slot * SLOT_BYTES;
    thread->receive_vectors[slot].iov_len = SLOT_BYTES;
    header->msg_iov = &thread->receive_vectors[slot];
    header->msg_iovlen = 1;
    header->msg_name = &thread->receive_names[slot];
    header->msg_control = thread->receive_controls[slot].bytes;
  }
  for (int slot = 0; slot < SEND_SLOTS; slot++) {
    thread->send_headers[slot].msg_hdr.msg_iov = &thread->send_vectors[slot];
    thread->send_headers[slot].msg_hdr.msg_iovlen = 1;
  }
  uv_prepare_start(&thread->prepare, on_prepare);
  return NULL;
}

// open(address, port, sharing, receiveBufferBytes, connectAddress, connectPort, fd, details) → id
// or -errno. details (Int32Array) receives the local end as a peer record, the receive buffer that
// was granted, and the descriptor.
static napi_value open_udp(napi_env env, napi_callback_info info) {
  napi_value arguments[8];
  Thread *thread = enter(env, info, 8, arguments);
  int32_t *details = to_memory(env, arguments[7], (PEER_WORDS + 2) * 4);
  if (!thread->attached || details == NULL) return to_number(env, -EINVAL);
  Options options = {0};
  options.sharing = (Sharing)to_int(env, arguments[2]);
  options.receive_buffer = to_int(env, arguments[3]);
  options.inherited = to_int(env, arguments[6]);
  int parsed = to_address(env, arguments[0], arguments[1], &options.bind_to);
  int remote = to_address(env, arguments[4], arguments[5], &options.connect_to);
  if (remote < 0 || (parsed != 0 && options.inherited < 0)) return to_number(env, -EINVAL);
  options.connected = remote == 0;
  Address local = {0};
  int fd = make_udp(&options, &local, &details[PEER_WORDS]);
  if (fd < 0) return to_number(env, fd);
  write_ends(details, &local);
  details[PEER_WORDS + 1] = fd;
  return to_number(env, watch(thread, fd, options.connected, options.inherited >= 0));
}

// close(id): sends what is queued, closes. No onEvent for this id after it returns, until open()
// gives it out again.
static napi_value close_udp(napi_env env, napi_callback_info info) {
  napi_value arguments[1];
  Thread *thread = enter(env, info, 1, arguments);
  int32_t id = to_int(env, arguments[0]);
  if (id < 0 || id >= MAX_SOCKETS || thread->sockets[id] == NULL) return NULL;
  flush(thread);
  close_socket(thread->sockets[id]);
  return NULL;
}

// retire(id) → 1 while datagrams wait, 0 when none does, or -errno. Lets no new ones in, where
// others share the port. An inherited socket lives on without us: what waits in it is left to our
// successor, and it must not be connected.
static napi_value retire_udp(napi_env env, napi_callback_info info) {
  napi_value arguments[1];
  Thread *thread = enter(env, info, 1, arguments);
  int32_t id = to_int(env, arguments[0]);
  if (id < 0 || id >= MAX_SOCKETS || thread->sockets[id] == NULL) return to_number(env, -EBADF);
  if (thread->sockets[id]->inherited) {
    uv_poll_stop(&thread->sockets[id]->poll);
    return to_number(env, 0);
  }
  int error = stop_intake(thread->sockets[id]->fd);
  return to_number(env, error != 0 ? error : has_waiting(thread->sockets[id]->fd));
}

// deal(id, program) → 0 or -errno: the program (a Uint8Array of instructions) chooses the socket of
// each datagram that comes to the port that this socket shares.
static napi_value deal_udp(napi_env env, napi_callback_info info) {
  napi_value arguments[2];
  Thread *thread = enter(env, info, 2, arguments);
  int32_t id = to_int(env, arguments[0]);
  if (id < 0 || id >= MAX_SOCKETS || thread->sockets[id] == NULL) return to_number(env, -EBADF);
  napi_typedarray_type type;
  size_t length = 0;
  void *program = NULL;
  if (napi_get_typedarray_info(env, arguments[1], &type, &length, &program, NULL, NULL) != napi_ok ||
      type != napi_uint8_array)
    return to_number(env, -EINVAL);
  return to_number(env, attach_program(thread->sockets[id]->fd, program, length));
}

// flush(): only for a full queue; otherwise it happens automatically.
static napi_value flush_queue(napi_env env, napi_callback_info info) {
  Thread *thread = enter(env, info, 0, NULL);
  if (thread->attached) flush(thread);
  return NULL;
}

// counters(id, numbers): fills a Float64Array in the order of DatagramCounters.
static napi_value read_counters(napi_env env, napi_callback_info info) {
  napi_value arguments[2];
  Thread *thread = enter(env, info, 2, arguments);
  int32_t id = to_int(env, arguments[0]);
  double *numbers = to_memory(env, arguments[1], COUNTERS * 8);
  if (numbers == NULL || id < 0 || id >= MAX_SOCKETS || thread->sockets[id] == NULL) return NULL;
  const Socket *socket = thread->sockets[id];
  numbers[0] = (double)socket->received;
  numbers[1] = (double)socket->sent;
  numbers[2] = (double)socket->oversized;
  numbers[3] = (double)socket->source_port_zero;
  numbers[4] = (double)socket->send_failures;
  numbers[5] = read_kernel_drops(socket->fd);
  return NULL;
}

// listenTcp(address, port, backlog, sharing) → a listening, non-blocking descriptor or -errno. Node
// 20 has no SO_REUSEPORT of its own; server.listen({ fd }) takes this one.
static napi_value listen_tcp(napi_env env, napi_callback_info info) {
  napi_value arguments[4];
  enter(env, info, 4, arguments);
  Address address;
  if (to_address(env, arguments[0], arguments[1], &address) != 0) return to_number(env, -EINVAL);
  int fd = bind_socket(SOCK_STREAM, &address, (Sharing)to_int(env, arguments[3]));
  if (fd < 0 || listen(fd, to_int(env, arguments[2])) == 0) return to_number(env, fd);
  int error = errno;
  close(fd);
  return to_number(env, -error);
}

// adoptTcp(fd) → a descriptor of our own for an inherited TCP listener, or -errno.
static napi_value adopt_tcp(napi_env env, napi_callback_info info) {
  napi_value arguments[1];
  enter(env, info, 1, arguments);
  return to_number(env, adopt(to_int(env, arguments[0]), SOCK_STREAM));
}

// notify(path, text) → 0 or -errno: tells the service manager (sd_notify(3)). A leading @ is
// an abstract name.
static napi_value notify(napi_env env, napi_callback_info info) {
  napi_value arguments[2];
  enter(env, info, 2, arguments);
  char path[sizeof((struct sockaddr_un *)0)->sun_path + 1], text[1024];
  size_t path_length = 0, text_length = 0;
  if (napi_get_value_string_utf8(env, arguments[0], path, sizeof path, &path_length) != napi_ok ||
      napi_get_value_string_utf8(env, arguments[1], text, sizeof text, &text_length) != napi_ok)
    return to_number(env, -EINVAL);
  return to_number(env, send_notification(path, path_length, text, text_length));
}

// shortenTimeSlice() → 0 or -errno: the thread that calls gets to run soon after it is woken
// (time_slice.h).
static napi_value shorten_slice(napi_env env, napi_callback_info info) {
  (void)info;
  return to_number(env, shorten_time_slice());
}

NAPI_MODULE_INIT() {
  Thread *thread = calloc(1, sizeof *thread);
  if (thread == NULL) return NULL;
  thread->env = env;
  if (napi_get_uv_event_loop(env, &thread->loop) != napi_ok ||
      napi_add_async_cleanup_hook(env, on_thread_end, thread, &thread->hook) != napi_ok) {
    free(thread);
    return NULL;
  }
  uv_prepare_init(thread->loop, &thread->prepare);
  uv_unref((uv_handle_t *)&thread->prepare);
  thread->prepare.data = thread;
  thread->open_handles = 1;
  const napi_property_descriptor properties[] = {
      {"abi", 0, 0, 0, 0, to_number(env, ABI), napi_default, 0},
      {"attach", 0, attach, 0, 0, 0, napi_default, thread},
      {"open", 0, open_udp, 0, 0, 0, napi_default, thread},
      {"close", 0, close_udp, 0, 0, 0, napi_default, thread},
      {"retire", 0, retire_udp, 0, 0, 0, napi_default, thread},
      {"deal", 0, deal_udp, 0, 0, 0, napi_default, thread},
      {"flush", 0, flush_queue, 0, 0, 0, napi_default, thread},
      {"counters", 0, read_counters, 0, 0, 0, napi_default, thread},
      {"listenTcp", 0, listen_tcp, 0, 0, 0, napi_default, thread},
      {"adoptTcp", 0, adopt_tcp, 0, 0, 0, napi_default, thread},
      {"shortenTimeSlice", 0, shorten_slice, 0, 0, 0, napi_default, thread},
      {"startTicks", 0, start_ticks, 0, 0, 0, napi_default, NULL},
      {"stopTicks", 0, stop_ticks, 0, 0, 0, napi_default, NULL},
      {"notify", 0, notify, 0, 0, 0, napi_default, thread},
  };
  napi_define_properties(env, exports, sizeof properties / sizeof *properties, properties);
  return exports;
}
