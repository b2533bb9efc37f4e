// Real DNS questions to unloop, by which the detour is kept. Implemented by probe.c.
#ifndef UNLOOP_PROBE_H
#define UNLOOP_PROBE_H
#include "address.h"

// Questions that may be in flight to one address.
#define MAX_PROBES 4
#define MAX_QUESTION_BYTES 300

typedef struct {
  uint8_t bytes[MAX_QUESTION_BYTES];
  size_t length;
} Question;

// The questions to one address, each by a socket (and so a port) of its own.
typedef struct {
  int fds[MAX_PROBES];  // -1: none
  uint16_t ids[MAX_PROBES];
  int next;
} Probes;

// What came of a question: its rcode (0 to 15), or one of these.
enum { PROBE_NOTHING = -1, PROBE_NOBODY_LISTENS = -2 };

// Writes the question for the A record of a name. Returns 0 or -EINVAL.
int write_question(const char *name, Question *question);

void clear_probes(Probes *probes);

// Asks once more. The oldest question in flight is given up for it. Returns 0, or
// PROBE_NOBODY_LISTENS, or -errno.
int ask(Probes *probes, const Address *address, const Question *question);

// Reads what came by the socket at `index`.
int read_answer(Probes *probes, int index, const Question *question);

#endif
