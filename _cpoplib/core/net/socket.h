/* recv() and send() on a connected socket, and the options of TCP that keep
   the two ends from waiting for each other.  Calls wait.h. */

#ifndef POP_SOCKET_H
#define POP_SOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Calls recv().  Blocks only if `blocking`.  *flowing tells whether bytes have
   come since the last send and the last recv that found none; the two
   functions keep it.  If bytes have come and no more are there, acknowledges
   them (see pop_socket_acknowledge()). */
ssize_t pop_socket_recv(int fd, bool *flowing, char *space, size_t room,
                        bool blocking);

/* Calls send(), which raises no SIGPIPE.  Blocks only if `blocking`. */
ssize_t pop_socket_send(int fd, bool *flowing, const char *bytes,
                        size_t length, bool blocking);

/* Acknowledges at once what has come.  A server that sends a reply in pieces
   may hold the next piece back until then (RFC 1122, section 4.2.3.4), while
   the system delays the acknowledgement by 40 ms or more (section 4.2.3.2).
   Returns false if the system or the descriptor can't.  Keeps errno. */
bool pop_socket_acknowledge(int fd);

/* Sends from now on without waiting for acknowledgements, if possible. */
void pop_socket_hurry(int fd);

#endif
