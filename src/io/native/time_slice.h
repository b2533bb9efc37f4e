// How soon a woken thread gets to run on a processor that others use as well. Called by module.c.
#ifndef UNLOOP_TIME_SLICE_H
#define UNLOOP_TIME_SLICE_H

// Gives this thread shorter time slices than others have. Returns 0, or -errno where the system
// does not allow it.
int shorten_time_slice(void);

#endif
