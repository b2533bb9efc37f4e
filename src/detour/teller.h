// Tells whoever connects to a local socket how things are. Implemented by teller.c.
#ifndef UNLOOP_TELLER_H
#define UNLOOP_TELLER_H

// Listens on a path, in place of what a process before left there. Returns the descriptor or
// -errno.
int open_teller(const char *path);

// Gives the text to one that has connected.
void tell(int teller, const char *text);

#endif
