// A thread that is woken waits for whoever runs to use up its slice, 3 ms or so, although it needs
// a few microseconds itself. Since Linux 6.12 a thread may ask for shorter slices: it then goes
// before one whose slice is longer, and is itself interrupted as much sooner, so that its share of
// the processor stays what it was (sched(7), sched_setattr(2)). Needs no privilege. Older kernels
// take the number and do nothing with it.
#define _GNU_SOURCE
#include "time_slice.h"

#include <errno.h>
#include <sched.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

// The shortest that the kernel takes: a batch of 64 cached answers is done in it, or nearly.
#define SLICE_NS 100000

// glibc has this since 2.41, and linux/sched/types.h gets in the way of <sched.h>.
typedef struct {
  uint32_t size, policy;
  uint64_t flags;
  int32_t nice;
  uint32_t priority;
  uint64_t runtime, deadline, period;
} Attributes;

int shorten_time_slice(void) {
  Attributes attributes = {0};
  if (syscall(SYS_sched_getattr, 0, &attributes, sizeof attributes, 0) != 0) return -errno;
  // It was given another policy on purpose.
  if (attributes.policy != SCHED_OTHER) return -EPERM;
  attributes.size = sizeof attributes;
  attributes.runtime = SLICE_NS;
  return syscall(SYS_sched_setattr, 0, &attributes, 0) == 0 ? 0 : -errno;
}
