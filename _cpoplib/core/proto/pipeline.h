/* The replies to commands that were sent ahead of them, in their order (RFC
   2449, section 6.6). */

#ifndef POP_PIPELINE_H
#define POP_PIPELINE_H

#include <stdbool.h>
#include <stddef.h>

#include "core/proto/reply.h"
#include "core/proto/status.h"

struct pop_expected {
    enum pop_reply_form form;
    long long number; /* of the message that the command is about; -1 */
    size_t octets;    /* of the command, line end included */
    size_t before;    /* octets that had been received when it was queued */
    void *owner;      /* who is told of the reply; NULL: nobody */
};

struct pop_pipeline {
    struct pop_expected *entries; /* a ring */
    size_t capacity;
    size_t head;
    size_t count;
    size_t octets; /* of the commands whose replies are to come */
    bool begun;    /* the status line of the next reply was read */
    size_t sent;   /* commands, since there were none */
};

void pop_pipeline_init(struct pop_pipeline *pipeline);

/* Frees the memory; it is then empty and can be used again. */
void pop_pipeline_release(struct pop_pipeline *pipeline);

/* A command was queued.  POP_NO_MEMORY, and nothing has changed. */
enum pop_status pop_pipeline_push(struct pop_pipeline *pipeline,
                                  const struct pop_expected *reply);

/* The reply that comes next; valid until the next push.  NULL if none is to
   come. */
const struct pop_expected *
pop_pipeline_next(const struct pop_pipeline *pipeline);

/* Whether all the replies that are to come have lines, unless they are
   refusals. */
bool pop_pipeline_all_have_lines(const struct pop_pipeline *pipeline);

/* A status line was read. */
void pop_pipeline_begin(struct pop_pipeline *pipeline);

/* The reply that was begun is over.  Returns its owner. */
void *pop_pipeline_pop(struct pop_pipeline *pipeline);

/* Nobody is told of this owner's replies any more. */
void pop_pipeline_disown(struct pop_pipeline *pipeline, const void *owner);

#endif
