// Slots: the small numbers by which all threads name an upstream, and a route (a zone's use of an
// upstream). server/control/upstream-registry.ts hands them out; shared memory, counters and the
// loop tag are laid out by them. ("Slot" has a second meaning in pipeline/: room for one more
// waiter or flight.)

export const MAX_UPSTREAMS = 256;
export const MAX_ROUTES = 1024;
