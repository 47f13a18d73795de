/* Receives the replies to commands sent ahead (RFC 2449, section 6.6), and
   gives them to their owners.  Calls held, requests, sinks and stream. */

#ifndef BINDING_REPLIES_H
#define BINDING_REPLIES_H

#include "binding/reader/sinks.h"

/* One reception of replies. */
struct reception {
    ReaderObject *reader;
    struct stream_limits limits;
    PyObject *status_lines; /* a list; NULL if they are neither printed nor
                               logged */
    /* Of the reply that is being read. */
    struct stream_sink sink;
    bool is_dropped;
    bool is_begun; /* STREAM_WAITS was returned */
};

/* Receives one reply, and all others if answers are held; none if none is
   pending.  Inside.  Returns enum stream_result; STREAM_FAILED if a reply was
   not received: the stream is out of sync. */
int replies_receive(struct reception *in);

/* Ends a reception that was begun, because of the pending exception.  Inside.
   Returns STREAM_FAILED. */
int replies_fail(struct reception *in);

#endif
