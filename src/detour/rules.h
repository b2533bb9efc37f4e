// The detour's rules in the kernel (nf_tables): what is sent to a Service's address goes to an
// address of the node instead, while an element of a set lives. Implemented by rules.c.
//
//   set alive     the Service's address, for as long as its timeout
//   prerouting    to the Service, port 53, and it is in alive ─▶ steer          (pods)
//   steer         destination := ours
//                 a socket is there: no connection tracking, done
//                 else: destination := the Service, and kube-proxy goes on
//   output        the same without the look for a socket    (clients in the node's own network)
//   answers       from us, port 53: source := the Service
#ifndef UNLOOP_RULES_H
#define UNLOOP_RULES_H
#include "address.h"

// How long a proof holds. The kernel lets go of the detour by itself after that.
#define PROOF_MS 1500

// What is steered from where to where.
typedef struct {
  Address service, own;
  char table[40];
  int without_socket;  // this kernel cannot look for sockets
} Detour;

// Makes the rules in place of what there was under the same name; nothing is steered yet. Returns
// 0 or -errno: -EBUSY where too many of these processes run already (before Linux 5.12).
int make_rules(int netlink, Detour *detour);

// Renews the element; `is_there`: it must be there still. Returns 0 or -errno: -ENOENT when it is
// not, or when the rules are gone.
int renew(int netlink, const Detour *detour, int is_there);

// Takes the element away: kube-proxy has the Service again at once.
int withdraw(int netlink, const Detour *detour);

int remove_rules(int netlink, const Detour *detour);

#endif
