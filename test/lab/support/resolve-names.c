/*
 * A program as people write them: getaddrinfo() for each name on standard input, one after the
 * other. Prints NAME ADDRESS MICROSECONDS; the address is "-" where there is none. Compiled against
 * glibc and against musl.
 */
#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

static long now_us(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000L + t.tv_nsec / 1000;
}

int main(void) {
  char name[256];
  while (fgets(name, sizeof name, stdin) != NULL) {
    struct addrinfo hints, *found = NULL;
    char address[INET6_ADDRSTRLEN] = "-";
    name[strcspn(name, "\n")] = 0;
    memset(&hints, 0, sizeof hints);
    hints.ai_socktype = SOCK_STREAM;
    long start = now_us();
    if (getaddrinfo(name, NULL, &hints, &found) == 0) {
      getnameinfo(found->ai_addr, found->ai_addrlen, address, sizeof address, NULL, 0, NI_NUMERICHOST);
      freeaddrinfo(found);
    }
    printf("%s %s %ld\n", name, address, now_us() - start);
    fflush(stdout);
  }
  return 0;
}
