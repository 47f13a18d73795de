/* Writes spans of received bytes to a file's descriptor with writev().  Calls
   nothing else in core/. */

#ifndef POP_OUTPUT_H
#define POP_OUTPUT_H

#include "core/proto/reply.h"
#include "core/proto/status.h"

/* Spans to be written in order. */
struct pop_output {
    int fd;
    const char *bytes; /* the spans are pieces of these */
    const struct pop_span *spans;
    size_t count;
    size_t done; /* spans that were written */
    size_t part; /* octets that were written of spans[done] */
};

/* Writes some of the spans with one system call.  Returns POP_OK,
   POP_INTERRUPTED (call again) or POP_SYSTEM. */
enum pop_status pop_output_write(struct pop_output *output,
                                 struct pop_error *error);

#endif
