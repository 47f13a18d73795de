/* Received bytes into a file's descriptor. */

#ifndef POP_OUTPUT_H
#define POP_OUTPUT_H

#include "core/proto/reply.h"
#include "core/proto/status.h"

/* Spans that are written one after the other. */
struct pop_output {
    int fd;
    const char *bytes; /* that the spans are pieces of */
    const struct pop_span *spans;
    size_t count;
    size_t done; /* spans that are written */
    size_t part; /* octets that are written of the next one */
};

/* Writes some of what is left, by one call that a signal may cut short.
   POP_OK, POP_INTERRUPTED (call again), POP_SYSTEM. */
enum pop_status pop_output_write(struct pop_output *output,
                                 struct pop_error *error);

#endif
