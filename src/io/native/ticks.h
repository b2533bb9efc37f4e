// Ticks of a timerfd, for the load tool. Implemented by ticks.c, called by module.c.
#ifndef UNLOOP_TICKS_H
#define UNLOOP_TICKS_H
#define _GNU_SOURCE
#define NAPI_VERSION 8
#include <node_api.h>

napi_value start_ticks(napi_env env, napi_callback_info info);
napi_value stop_ticks(napi_env env, napi_callback_info info);

#endif
