// The image's node carries CAP_NET_BIND_SERVICE as permitted only (setcap +p): as effective (+ep)
// it could not even be started in a container without that capability. So it is made effective
// here, in the thread whose bind() was refused, and taken back once that is done. It stays
// permitted, as a reload may bind again.
#define _GNU_SOURCE
#include "bind_capability.h"

#include <linux/capability.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

// Sets or clears the bit in this thread's effective set. False when nothing changed.
static bool set_effective(bool wanted) {
  // libcap would be one more library in the image, for two system calls.
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {{0}};
  const uint32_t bit = 1u << CAP_NET_BIND_SERVICE;
  if (syscall(SYS_capget, &header, data) != 0) return false;
  if ((data[0].permitted & bit) == 0 || ((data[0].effective & bit) != 0) == wanted) return false;
  data[0].effective ^= bit;
  return syscall(SYS_capset, &header, data) == 0;
}

bool raise_bind_capability(void) { return set_effective(true); }

void lower_bind_capability(void) {
  // Root has every right anyway, and would be without this one for the rest of its days.
  if (geteuid() != 0) set_effective(false);
}
