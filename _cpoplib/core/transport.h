/* What carries the bytes: a vtable, and the transport on a descriptor. */

#ifndef POP_TRANSPORT_H
#define POP_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>

#include "core/deadline.h"
#include "core/status.h"

struct pop_transport;

struct pop_transport_ops {
    /* Waits until there is at least one byte, and stores what is there, at
       most `room` bytes.  POP_OK (*received > 0), POP_EOF, POP_TIMEOUT,
       POP_INTERRUPTED (call again with the same deadline), POP_SYSTEM,
       POP_HOST. */
    enum pop_status (*recv)(struct pop_transport *transport, char *space,
                            size_t room, size_t *received,
                            struct pop_deadline *deadline,
                            struct pop_error *error);

    /* Sends some of the bytes, at least one.  *sent is always set, also on
       failure.  The same results as recv, but for POP_EOF. */
    enum pop_status (*send)(struct pop_transport *transport, const char *bytes,
                            size_t length, size_t *sent,
                            struct pop_deadline *deadline,
                            struct pop_error *error);

    /* Whether bytes can be received now.  It neither waits nor takes away
       an error that is due to recv or send; false where it can't tell. */
    bool (*readable)(struct pop_transport *transport);

    /* Makes a recv or send that is blocked in another thread return. */
    void (*interrupt)(struct pop_transport *transport);

    /* Frees the transport; it never closes what it was given. */
    void (*destroy)(struct pop_transport *transport);

    /* recv and send call into Python. */
    bool needs_gil;
};

/* The first member of every transport. */
struct pop_transport {
    const struct pop_transport_ops *ops;
};

/* A transport on a connected socket whose descriptor is told to it before
   each operation with pop_transport_fd_set().  NULL if out of memory. */
struct pop_transport *pop_transport_fd_new(void);

/* The descriptor, and whether it is in blocking mode (a socket with no
   timeout): then recv and send block in the system call, where SO_RCVTIMEO
   and SO_SNDTIMEO count, and give POP_TIMEOUT when those have passed. */
void pop_transport_fd_set(struct pop_transport *transport, int fd,
                          bool blocking);

#endif
