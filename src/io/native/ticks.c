// Calls JavaScript at even distances of less than a millisecond, which timers of an event loop
// cannot: timerfds under the loop's watch. The load tool is the only caller
// (src/load/ticker.ts).
#include "ticks.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <unistd.h>
#include <uv.h>

#define NS_PER_SECOND 1000000000LL

typedef struct {
  uv_poll_t poll;
  napi_env env;
  napi_ref on_tick;
  napi_async_cleanup_hook_handle hook;
  int fd;
  bool closing;
} Ticks;

static void on_closed(uv_handle_t *handle) {
  Ticks *ticks = handle->data;
  napi_remove_async_cleanup_hook(ticks->hook);
  free(ticks);
}

static void close_ticks(Ticks *ticks) {
  if (ticks->closing) return;
  ticks->closing = true;
  uv_close((uv_handle_t *)&ticks->poll, on_closed);
  close(ticks->fd);
}

// The environment ends: the handle must be closed before its loop is, or libuv aborts the process.
static void on_thread_end(napi_async_cleanup_hook_handle hook, void *data) {
  (void)hook;
  close_ticks(data);
}

// Ticks that passed unseen are one call: it asks for whatever is due.
static void on_due(uv_poll_t *handle, int status, int events) {
  (void)status;
  (void)events;
  Ticks *ticks = handle->data;
  uint64_t passed;
  if (read(ticks->fd, &passed, sizeof passed) != sizeof passed) return;
  napi_env env = ticks->env;
  napi_handle_scope scope;
  if (napi_open_handle_scope(env, &scope) != napi_ok) return;
  napi_value global, function, ignored;
  napi_get_global(env, &global);
  napi_get_reference_value(env, ticks->on_tick, &function);
  if (napi_make_callback(env, NULL, global, function, 0, NULL, &ignored) == napi_pending_exception) {
    napi_value exception;
    if (napi_get_and_clear_last_exception(env, &exception) == napi_ok) napi_fatal_exception(env, exception);
  }
  napi_close_handle_scope(env, scope);
}

static struct timespec to_timespec(int64_t ns) {
  return (struct timespec){.tv_sec = ns / NS_PER_SECOND, .tv_nsec = ns % NS_PER_SECOND};
}

// startTicks(firstNs, periodNs, onTick) → what stopTicks() takes; undefined where it cannot be had.
// `firstNs` is of the monotonic clock, as process.hrtime has it.
napi_value start_ticks(napi_env env, napi_callback_info info) {
  napi_value arguments[3], result = NULL;
  size_t given = 3;
  int64_t first_ns = 0, period_ns = 0;
  napi_get_cb_info(env, info, &given, arguments, NULL, NULL);
  napi_get_value_int64(env, arguments[0], &first_ns);
  napi_get_value_int64(env, arguments[1], &period_ns);
  uv_loop_t *loop;
  if (first_ns <= 0 || period_ns <= 0 || napi_get_uv_event_loop(env, &loop) != napi_ok) return NULL;
  Ticks *ticks = calloc(1, sizeof *ticks);
  if (ticks == NULL) return NULL;
  ticks->fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  if (ticks->fd < 0 || uv_poll_init(loop, &ticks->poll, ticks->fd) != 0) {
    if (ticks->fd >= 0) close(ticks->fd);
    free(ticks);
    return NULL;
  }
  ticks->poll.data = ticks;
  ticks->env = env;
  const struct itimerspec schedule = {.it_value = to_timespec(first_ns), .it_interval = to_timespec(period_ns)};
  timerfd_settime(ticks->fd, TFD_TIMER_ABSTIME, &schedule, NULL);
  napi_add_async_cleanup_hook(env, on_thread_end, ticks, &ticks->hook);
  napi_create_reference(env, arguments[2], 1, &ticks->on_tick);
  uv_poll_start(&ticks->poll, UV_READABLE, on_due);
  napi_create_external(env, ticks, NULL, NULL, &result);
  return result;
}

// stopTicks(ticks): no call after it returns. Once only.
napi_value stop_ticks(napi_env env, napi_callback_info info) {
  napi_value arguments[1];
  size_t given = 1;
  void *data = NULL;
  napi_get_cb_info(env, info, &given, arguments, NULL, NULL);
  if (napi_get_value_external(env, arguments[0], &data) != napi_ok) return NULL;
  napi_delete_reference(env, ((Ticks *)data)->on_tick);
  close_ticks(data);
  return NULL;
}
