// unloop-detour: pods keep the name server that they have, and unloop on their node answers instead
// while it proves that it can. A process of its own, as it needs NET_ADMIN and unloop must not have
// it, and in C, as it runs on every node: it takes 1.6 MiB.
//
//   unloop-detour address ADDRESS…           puts addresses on the loopback interface
//   unloop-detour run --question=NAME --to=ADDRESS --service=ADDRESS [--to=… --service=…]
//                     [--socket=PATH]    where `unloop status` asks how it is
//
// docs/adr/0025-a-detour-that-must-be-proved.md says why it is so.
#define _GNU_SOURCE
#include "probe.h"
#include "rules.h"
#include "netlink.h"
#include "teller.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

enum { MAX_DETOURS = 2, ASK_EVERY_MS = 300, LAST_ANSWERS_MS = 2000, RCODE_NOERROR = 0, RCODE_NXDOMAIN = 3, RCODE_REFUSED = 5 };

// One family's way.
typedef struct {
  Detour detour;
  Probes probes;
  bool is_on;
  int64_t proved_ms;  // when the element was last renewed
  int64_t since_ms;   // when it was turned on or off, since 1970
} Way;

// What the process waits for and speaks by; teller -1: nobody is told.
typedef struct {
  int netlink, signals, teller;
} Sockets;

static int64_t now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int64_t wall_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

// One line of JSON with the fields of unloop's log, but `time` as ms since 1970. Texts hold nothing
// that would need escapes.
__attribute__((format(printf, 2, 3))) static void say(const char *level, const char *format, ...) {
  printf("{\"level\":\"%s\",\"time\":%lld,\"msg\":\"", level, (long long)wall_ms());
  va_list values;
  va_start(values, format);
  vprintf(format, values);
  va_end(values);
  printf("\"}\n");
  fflush(stdout);
}

static void turn_off(Way *way, const char *why) {
  if (!way->is_on) return;
  way->is_on = false;
  way->since_ms = wall_ms();
  say("warn", "detour off: %s; the Service %s is kube-proxy's", why, way->detour.service.text);
}

// Unloop answered: the kernel keeps the detour for another PROOF_MS.
static void prove(Way *way, int netlink) {
  int64_t started_ms = now_ms();
  bool is_there = way->is_on && started_ms - way->proved_ms < PROOF_MS;
  int error = renew(netlink, &way->detour, is_there);
  // It ran out in between, or somebody has removed the rules.
  if (error == -ENOENT && is_there) error = renew(netlink, &way->detour, false);
  if (error == -ENOENT && (error = make_rules(netlink, &way->detour)) == 0) error = renew(netlink, &way->detour, false);
  if (error != 0) {
    turn_off(way, strerror(-error));
    return;
  }
  way->proved_ms = started_ms;
  if (way->is_on) return;
  way->is_on = true;
  way->since_ms = wall_ms();
  say("info", "detour on: what is asked of %s goes to %s", way->detour.service.text, way->detour.own.text);
}

// It begins with an answer that is worth something. It goes on with any: a SERVFAIL tells that
// upstreams fail, and then unloop still has its cache. REFUSED tells that it would not serve.
static bool is_proof(const Way *way, int rcode) {
  return way->is_on ? rcode >= 0 && rcode != RCODE_REFUSED : rcode == RCODE_NOERROR || rcode == RCODE_NXDOMAIN;
}

static void judge(Way *way, int netlink, int result) {
  if (is_proof(way, result)) prove(way, netlink);
  else if (result == PROBE_NOBODY_LISTENS && way->is_on) {
    withdraw(netlink, &way->detour);
    turn_off(way, "nobody listens");
  }
}

// One line for each way: on or off, the Service, unloop's address, since when.
static void tell_all(int teller, const Way *ways, int count) {
  char text[512] = "";
  size_t length = 0;
  for (const Way *way = ways; way < ways + count; way++)
    length += (size_t)snprintf(text + length, sizeof text - length, "%s %s %s %lld\n", way->is_on ? "on" : "off",
                               way->detour.service.text, way->detour.own.text, (long long)way->since_ms);
  tell(teller, text);
}

// Lets answers in until it is time to ask again. Returns false when told to end.
static bool wait_for_answers(Way *ways, int count, const Sockets *sockets, const Question *question) {
  int64_t until_ms = now_ms() + ASK_EVERY_MS;
  for (int64_t left_ms = ASK_EVERY_MS; left_ms > 0; left_ms = until_ms - now_ms()) {
    struct pollfd waits[MAX_DETOURS * MAX_PROBES + 2] = {{.fd = sockets->signals, .events = POLLIN},
                                                         {.fd = sockets->teller, .events = POLLIN}};
    for (int i = 0; i < count * MAX_PROBES; i++)
      waits[i + 2] = (struct pollfd){.fd = ways[i / MAX_PROBES].probes.fds[i % MAX_PROBES], .events = POLLIN};
    if (poll(waits, (nfds_t)(count * MAX_PROBES + 2), (int)left_ms) < 0 && errno != EINTR) return false;
    if (waits[0].revents != 0) return false;
    if (waits[1].revents != 0) tell_all(sockets->teller, ways, count);
    for (int i = 0; i < count * MAX_PROBES; i++) {
      Way *way = &ways[i / MAX_PROBES];
      if (waits[i + 2].revents != 0) judge(way, sockets->netlink, read_answer(&way->probes, i % MAX_PROBES, question));
    }
  }
  return true;
}

static int run(Way *ways, int count, const Question *question, const char *socket_path) {
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGTERM);
  sigaddset(&ends, SIGINT);
  sigprocmask(SIG_BLOCK, &ends, NULL);
  int signals = signalfd(-1, &ends, SFD_CLOEXEC), netlink = open_netlink(NETLINK_NETFILTER);
  if (signals < 0 || netlink < 0) {
    say("error", "cannot begin: %s", strerror(netlink < 0 ? -netlink : errno));
    return 1;
  }
  int teller = socket_path == NULL ? -1 : open_teller(socket_path);
  // The detour is worth more than what is told of it.
  if (socket_path != NULL && teller < 0) say("warn", "cannot listen on the socket for `unloop status`: %s", strerror(-teller));
  const Sockets sockets = {.netlink = netlink, .signals = signals, .teller = teller < 0 ? -1 : teller};
  for (Way *way = ways; way < ways + count; way++) {
    clear_probes(&way->probes);
    way->since_ms = wall_ms();
    int error = make_rules(netlink, &way->detour);
    if (error == -EBUSY) {
      say("error", "four of these already run on this node, and this kernel (before 5.12) has no place for more: end them");
      return 1;
    }
    if (error != 0) {
      say("error", "cannot make the rules of nf_tables for %s: %s; the container needs NET_ADMIN, and the kernel nf_tables",
          way->detour.service.text, strerror(-error));
      return 1;
    }
    if (way->detour.without_socket) say("warn", "this kernel has no nft_socket: after a crash it takes up to 1.5 s");
  }
  do {
    for (Way *way = ways; way < ways + count; way++) {
      judge(way, netlink, ask(&way->probes, &way->detour.own, question) == PROBE_NOBODY_LISTENS ? PROBE_NOBODY_LISTENS : PROBE_NOTHING);
      if (now_ms() - way->proved_ms >= PROOF_MS) turn_off(way, "no answer for 1.5 s");
    }
  } while (wait_for_answers(ways, count, &sockets, question));
  // What unloop was asked by way of the detour has its answers sent back by it.
  for (Way *way = ways; way < ways + count; way++) withdraw(netlink, &way->detour);
  poll(NULL, 0, LAST_ANSWERS_MS);
  for (Way *way = ways; way < ways + count; way++) remove_rules(netlink, &way->detour);
  say("info", "ends: the rules are removed");
  return 0;
}

static int fail_usage(const char *problem) {
  fprintf(stderr,
          "unloop-detour: %s\n"
          "Usage: unloop-detour address ADDRESS...\n"
          "       unloop-detour run --question=NAME --to=ADDRESS --service=ADDRESS [--to=... --service=...] [--socket=PATH]\n",
          problem);
  return 2;
}

static int add_addresses(int count, char **texts) {
  for (int i = 0; i < count; i++) {
    Address address;
    if (parse_address(texts[i], &address) != 0) return fail_usage("an address must be an IP literal");
    int error = add_to_loopback(&address);
    if (error == 0) continue;
    say("error", "cannot add %s to lo: %s; the container needs NET_ADMIN", address.text, strerror(-error));
    return 1;
  }
  return 0;
}

int main(int count, char **texts) {
  if (count > 2 && strcmp(texts[1], "address") == 0) return add_addresses(count - 2, texts + 2);
  if (count < 2 || strcmp(texts[1], "run") != 0) return fail_usage("a command is missing");
  static Way ways[MAX_DETOURS];
  Question question = {.length = 0};
  const char *socket_path = NULL;
  int own = 0, services = 0;
  for (int i = 2; i < count; i++) {
    const char *value = strchr(texts[i], '=');
    if (value++ == NULL) return fail_usage("a flag is written --name=value");
    if (strncmp(texts[i], "--question=", 11) == 0) {
      if (write_question(value, &question) != 0) return fail_usage("--question needs a domain name");
    } else if (strncmp(texts[i], "--to=", 5) == 0 && own < MAX_DETOURS) {
      if (parse_address(value, &ways[own++].detour.own) != 0) return fail_usage("--to needs an IP literal");
    } else if (strncmp(texts[i], "--service=", 10) == 0 && services < MAX_DETOURS) {
      if (parse_address(value, &ways[services++].detour.service) != 0) return fail_usage("--service needs an IP literal");
    } else if (strncmp(texts[i], "--socket=", 9) == 0) {
      socket_path = value;
    } else return fail_usage("unknown flag, or one too many");
  }
  if (question.length == 0 || own == 0 || own != services) return fail_usage("--question, --to and --service are needed");
  for (int i = 0; i < own; i++)
    if (ways[i].detour.own.family != ways[i].detour.service.family)
      return fail_usage("--to and --service must be of the same family");
  // Their rules would share a table, and all answers would come from the first.
  if (own == 2 && ways[0].detour.own.family == ways[1].detour.own.family)
    return fail_usage("one --to and --service for each family");
  return run(ways, own, &question, socket_path);
}
