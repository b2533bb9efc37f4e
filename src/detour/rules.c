// Writes the rules as nfnetlink messages. What each function adds is one statement of nft(8), which
// its comment gives; `nft list ruleset` shows the whole.
#define _GNU_SOURCE
#include "rules.h"
#include "netlink.h"

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

// NFT_TABLE_F_OWNER, which older headers lack. A test builds with a flag that no kernel knows, and
// so meets what a kernel before 5.12 does.
#ifndef TABLE_OWNER
#define TABLE_OWNER 2
#endif

// Before connection tracking (-200) and kube-proxy's raw table (-300).
enum { PRIORITY = -310, DNS_PORT = 53, IPV4_ADDR = 7, IPV6_ADDR = 8, SET_NAME_ID = 1, MAX_NUMBERS = 4 };
static const char *const ALIVE = "alive", *const STEER = "steer";

static Messages messages;

static void begin(const Detour *detour, uint16_t type, uint16_t flags) {
  struct nfgenmsg header = {.nfgen_family = detour->own.family, .version = NFNETLINK_V0};
  begin_message(&messages, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type), flags, &header, sizeof header);
}

// All messages between the two are one transaction.
static void mark_batch(uint16_t type) {
  struct nfgenmsg header = {.nfgen_family = AF_UNSPEC, .version = NFNETLINK_V0, .res_id = htons(NFNL_SUBSYS_NFTABLES)};
  begin_message(&messages, type, 0, &header, sizeof header);
}

static void begin_batch(void) {
  clear_messages(&messages);
  mark_batch(NFNL_MSG_BATCH_BEGIN);
}

static int send_batch(int netlink) {
  mark_batch(NFNL_MSG_BATCH_END);
  return send_messages(netlink, &messages);
}

// ─── Statements ───────────────────────────────────────────────────────────────────────────────────────────────────

static size_t expression_data;

static size_t begin_expression(const char *name) {
  size_t expression = begin_nest(&messages, NFTA_LIST_ELEM);
  put_text(&messages, NFTA_EXPR_NAME, name);
  expression_data = begin_nest(&messages, NFTA_EXPR_DATA);
  return expression;
}

static void end_expression(size_t expression) {
  end_nest(&messages, expression_data);
  end_nest(&messages, expression);
}

static void put_value(uint16_t type, const void *value, size_t bytes) {
  size_t data = begin_nest(&messages, type);
  put_bytes(&messages, NFTA_DATA_VALUE, value, bytes);
  end_nest(&messages, data);
}

static void load(uint32_t base, uint32_t offset, uint32_t bytes) {
  size_t expression = begin_expression("payload");
  put_number(&messages, NFTA_PAYLOAD_DREG, NFT_REG_1);
  put_number(&messages, NFTA_PAYLOAD_BASE, base);
  put_number(&messages, NFTA_PAYLOAD_OFFSET, offset);
  put_number(&messages, NFTA_PAYLOAD_LEN, bytes);
  end_expression(expression);
}

static void compare(uint32_t operation, const void *value, size_t bytes) {
  size_t expression = begin_expression("cmp");
  put_number(&messages, NFTA_CMP_SREG, NFT_REG_1);
  put_number(&messages, NFTA_CMP_OP, operation);
  put_value(NFTA_CMP_DATA, value, bytes);
  end_expression(expression);
}

static uint32_t source_offset(const Detour *detour) { return detour->own.family == AF_INET6 ? 8 : 12; }

static uint32_t destination_offset(const Detour *detour) { return detour->own.family == AF_INET6 ? 24 : 16; }

// ip saddr ADDRESS, ip daddr != ADDRESS …
static void match_address(uint32_t offset, uint32_t operation, const Address *address) {
  load(NFT_PAYLOAD_NETWORK_HEADER, offset, (uint32_t)address_bytes(address));
  compare(operation, address->bytes, address_bytes(address));
}

// ip daddr @alive
static void match_alive(const Detour *detour) {
  load(NFT_PAYLOAD_NETWORK_HEADER, destination_offset(detour), (uint32_t)address_bytes(&detour->own));
  size_t expression = begin_expression("lookup");
  put_text(&messages, NFTA_LOOKUP_SET, ALIVE);
  put_number(&messages, NFTA_LOOKUP_SREG, NFT_REG_1);
  put_number(&messages, NFTA_LOOKUP_SET_ID, SET_NAME_ID);
  end_expression(expression);
}

// meta l4proto PROTOCOL th sport 53, or dport at offset 2
static void match_port(uint8_t protocol, uint32_t offset) {
  size_t expression = begin_expression("meta");
  put_number(&messages, NFTA_META_DREG, NFT_REG_1);
  put_number(&messages, NFTA_META_KEY, NFT_META_L4PROTO);
  end_expression(expression);
  compare(NFT_CMP_EQ, &protocol, sizeof protocol);
  uint16_t port = htons(DNS_PORT);
  load(NFT_PAYLOAD_TRANSPORT_HEADER, offset, sizeof port);
  compare(NFT_CMP_EQ, &port, sizeof port);
}

// socket transparent 0: there is a socket for this packet (ours are not transparent). Unlike
// `socket wildcard` it knows connections that are just being made or closed as well.
static void match_socket(void) {
  size_t expression = begin_expression("socket");
  put_number(&messages, NFTA_SOCKET_KEY, NFT_SOCKET_TRANSPARENT);
  put_number(&messages, NFTA_SOCKET_DREG, NFT_REG_1);
  end_expression(expression);
  uint8_t no = 0;
  compare(NFT_CMP_EQ, &no, sizeof no);
}

// ip daddr set ADDRESS. The kernel corrects the checksums of both layers.
static void set_address(uint32_t offset, const Address *address) {
  size_t expression = begin_expression("immediate");
  put_number(&messages, NFTA_IMMEDIATE_DREG, NFT_REG_1);
  put_value(NFTA_IMMEDIATE_DATA, address->bytes, address_bytes(address));
  end_expression(expression);
  int has_checksum = address->family == AF_INET;
  expression = begin_expression("payload");
  put_number(&messages, NFTA_PAYLOAD_SREG, NFT_REG_1);
  put_number(&messages, NFTA_PAYLOAD_BASE, NFT_PAYLOAD_NETWORK_HEADER);
  put_number(&messages, NFTA_PAYLOAD_OFFSET, offset);
  put_number(&messages, NFTA_PAYLOAD_LEN, (uint32_t)address_bytes(address));
  put_number(&messages, NFTA_PAYLOAD_CSUM_TYPE, has_checksum ? NFT_PAYLOAD_CSUM_INET : NFT_PAYLOAD_CSUM_NONE);
  put_number(&messages, NFTA_PAYLOAD_CSUM_OFFSET, has_checksum ? 10 : 0);
  put_number(&messages, NFTA_PAYLOAD_CSUM_FLAGS, NFT_PAYLOAD_L4CSUM_PSEUDOHDR);
  end_expression(expression);
}

// counter, notrack
static void add_plain(const char *name) { end_expression(begin_expression(name)); }

// accept, jump CHAIN
static void add_verdict(int code, const char *chain) {
  size_t expression = begin_expression("immediate");
  put_number(&messages, NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
  size_t data = begin_nest(&messages, NFTA_IMMEDIATE_DATA);
  size_t verdict = begin_nest(&messages, NFTA_DATA_VERDICT);
  put_number(&messages, NFTA_VERDICT_CODE, (uint32_t)code);
  if (chain != NULL) put_text(&messages, NFTA_VERDICT_CHAIN, chain);
  end_nest(&messages, verdict);
  end_nest(&messages, data);
  end_expression(expression);
}

// ─── Tables, chains, rules ────────────────────────────────────────────────────────────────────────────────────────

static size_t rule_expressions;

static void begin_rule(const Detour *detour, const char *chain) {
  begin(detour, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND);
  put_text(&messages, NFTA_RULE_TABLE, detour->table);
  put_text(&messages, NFTA_RULE_CHAIN, chain);
  rule_expressions = begin_nest(&messages, NFTA_RULE_EXPRESSIONS);
}

static void end_rule(void) { end_nest(&messages, rule_expressions); }

// `type` NULL: a chain that others jump to.
static void add_chain(const Detour *detour, const char *name, const char *type, uint32_t hook) {
  begin(detour, NFT_MSG_NEWCHAIN, NLM_F_CREATE);
  put_text(&messages, NFTA_CHAIN_TABLE, detour->table);
  put_text(&messages, NFTA_CHAIN_NAME, name);
  if (type == NULL) return;
  size_t nest = begin_nest(&messages, NFTA_CHAIN_HOOK);
  put_number(&messages, NFTA_HOOK_HOOKNUM, hook);
  put_number(&messages, NFTA_HOOK_PRIORITY, (uint32_t)PRIORITY);
  end_nest(&messages, nest);
  put_number(&messages, NFTA_CHAIN_POLICY, NF_ACCEPT);
  put_text(&messages, NFTA_CHAIN_TYPE, type);
}

static void add_table_and_set(const Detour *detour, uint32_t table_flags) {
  begin(detour, NFT_MSG_NEWTABLE, NLM_F_CREATE);
  put_text(&messages, NFTA_TABLE_NAME, detour->table);
  put_number(&messages, NFTA_TABLE_FLAGS, table_flags);
  begin(detour, NFT_MSG_NEWSET, NLM_F_CREATE);
  put_text(&messages, NFTA_SET_TABLE, detour->table);
  put_text(&messages, NFTA_SET_NAME, ALIVE);
  put_number(&messages, NFTA_SET_ID, SET_NAME_ID);
  put_number(&messages, NFTA_SET_FLAGS, NFT_SET_TIMEOUT);
  put_number(&messages, NFTA_SET_KEY_TYPE, detour->own.family == AF_INET6 ? IPV6_ADDR : IPV4_ADDR);
  put_number(&messages, NFTA_SET_KEY_LEN, (uint32_t)address_bytes(&detour->own));
}

static void add_steering(const Detour *detour) {
  uint32_t destination = destination_offset(detour);
  begin_rule(detour, STEER);
  set_address(destination, &detour->own);
  end_rule();
  begin_rule(detour, STEER);
  if (!detour->without_socket) match_socket();
  add_plain("notrack");
  add_plain("counter");
  add_verdict(NF_ACCEPT, NULL);
  end_rule();
  begin_rule(detour, STEER);
  set_address(destination, &detour->service);
  add_plain("counter");
  end_rule();
}

static void add_rules_of(const Detour *detour, uint8_t protocol) {
  begin_rule(detour, "prerouting");
  match_alive(detour);
  match_port(protocol, 2);
  add_verdict(NFT_JUMP, STEER);
  end_rule();
  begin_rule(detour, "output");
  match_alive(detour);
  match_port(protocol, 2);
  add_plain("notrack");
  set_address(destination_offset(detour), &detour->own);
  add_plain("counter");
  end_rule();
  // Not those to our own questions: they were sent to the address itself, from the same address.
  begin_rule(detour, "answers");
  match_address(source_offset(detour), NFT_CMP_EQ, &detour->own);
  match_address(destination_offset(detour), NFT_CMP_NEQ, &detour->own);
  match_port(protocol, 0);
  add_plain("notrack");
  set_address(source_offset(detour), &detour->service);
  end_rule();
}

static int try_rules(int netlink, const Detour *detour, uint32_t table_flags) {
  begin_batch();
  add_table_and_set(detour, table_flags);
  add_chain(detour, STEER, NULL, 0);
  add_chain(detour, "prerouting", "filter", NF_INET_PRE_ROUTING);
  // A chain of this type has the packet routed again after a change of its addresses.
  add_chain(detour, "output", "route", NF_INET_LOCAL_OUT);
  add_chain(detour, "answers", "filter", NF_INET_LOCAL_OUT);
  add_steering(detour);
  add_rules_of(detour, IPPROTO_UDP);
  add_rules_of(detour, IPPROTO_TCP);
  // As an end whose reply is waited for: it changes nothing.
  begin(detour, NFT_MSG_NEWCHAIN, NLM_F_CREATE | NLM_F_ACK);
  put_text(&messages, NFTA_CHAIN_TABLE, detour->table);
  put_text(&messages, NFTA_CHAIN_NAME, STEER);
  return send_batch(netlink);
}

// A number of this node's network that no other living process has, for the names of tables without
// an owner: held by a socket of a name in the abstract namespace, which goes with the process.
// -EBUSY where others hold all.
static int take_number(void) {
  static int taken = -1;
  for (int number = 0; taken < 0 && number < MAX_NUMBERS; number++) {
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    // The first byte is 0: no file.
    int length = snprintf(name.sun_path + 1, sizeof name.sun_path - 1, "unloop-detour-%d", number);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return -errno;
    // It stays open until the process ends.
    if (bind(fd, (struct sockaddr *)&name, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)length)) == 0)
      taken = number;
    else close(fd);
  }
  return taken < 0 ? -EBUSY : taken;
}

// The name is the socket's: the detours of two pods, one of which is about to go, stand beside each
// other. With an owner (Linux 5.12) the table is the socket's as well: it goes when the process
// ends, however it ends, and nobody else can change it (`nft flush ruleset` leaves it alone).
// Without one it stays after a SIGKILL, without effect once the element is gone, and the next
// process that gets its number takes it away.
int make_rules(int netlink, Detour *detour) {
  struct sockaddr_nl own;
  socklen_t size = sizeof own;
  if (getsockname(netlink, (struct sockaddr *)&own, &size) != 0) return -errno;
  snprintf(detour->table, sizeof detour->table, "unloop-detour-%x", own.nl_pid);
  uint32_t flags = TABLE_OWNER;
  int error = try_rules(netlink, detour, flags);
  if (error == -EOPNOTSUPP || error == -EINVAL) {
    flags = 0;
    int number = take_number();
    if (number < 0) return number;
    snprintf(detour->table, sizeof detour->table, "unloop-detour-old-%d", number);
    remove_rules(netlink, detour);
    error = try_rules(netlink, detour, flags);
  }
  if (error == -ENOENT && !detour->without_socket) {
    detour->without_socket = 1;
    error = try_rules(netlink, detour, flags);
  }
  return error;
}

static void add_element(const Detour *detour, uint16_t type, uint16_t flags, uint64_t timeout_ms) {
  begin(detour, type, flags);
  put_text(&messages, NFTA_SET_ELEM_LIST_TABLE, detour->table);
  put_text(&messages, NFTA_SET_ELEM_LIST_SET, ALIVE);
  size_t elements = begin_nest(&messages, NFTA_SET_ELEM_LIST_ELEMENTS);
  size_t element = begin_nest(&messages, NFTA_LIST_ELEM);
  put_value(NFTA_SET_ELEM_KEY, detour->service.bytes, address_bytes(&detour->service));
  uint64_t ordered = htobe64(timeout_ms);
  if (timeout_ms > 0) put_bytes(&messages, NFTA_SET_ELEM_TIMEOUT, &ordered, sizeof ordered);
  end_nest(&messages, element);
  end_nest(&messages, elements);
}

// Before Linux 6.12, adding an element that is there leaves its timeout as it was: hence removed
// and added, which packets see as one change.
int renew(int netlink, const Detour *detour, int is_there) {
  begin_batch();
  if (is_there) add_element(detour, NFT_MSG_DELSETELEM, 0, 0);
  add_element(detour, NFT_MSG_NEWSETELEM, NLM_F_CREATE | NLM_F_ACK, PROOF_MS);
  return send_batch(netlink);
}

int withdraw(int netlink, const Detour *detour) {
  begin_batch();
  add_element(detour, NFT_MSG_DELSETELEM, NLM_F_ACK, 0);
  return send_batch(netlink);
}

int remove_rules(int netlink, const Detour *detour) {
  begin_batch();
  begin(detour, NFT_MSG_DELTABLE, NLM_F_ACK);
  put_text(&messages, NFTA_TABLE_NAME, detour->table);
  return send_batch(netlink);
}
