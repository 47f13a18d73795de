/* The queue of replies to commands sent ahead (RFC 2449, section 6.6).  Calls
   mem.h. */

#ifndef POP_PIPELINE_H
#define POP_PIPELINE_H

#include <stdbool.h>
#include <stddef.h>

#include "core/proto/reply.h"
#include "core/proto/status.h"

struct pop_expected {
    enum pop_reply_form form;
    long long number; /* of the command's message, or -1 */
    size_t octets;    /* of the command, line end included */
    size_t before;    /* octets received when the command was queued */
    void *owner;      /* receives the reply; NULL if nobody does */
};

struct pop_pipeline {
    struct pop_expected *entries; /* a ring */
    size_t capacity;
    size_t head;
    size_t count;
    size_t octets; /* of the commands whose replies are pending */
    bool begun;    /* the status line of the next reply was read */
    size_t sent;   /* commands since the queue was last empty */
};

void pop_pipeline_init(struct pop_pipeline *pipeline);

/* Frees the memory.  The pipeline is then empty and usable. */
void pop_pipeline_release(struct pop_pipeline *pipeline);

/* Adds a command.  Returns POP_OK, or POP_NO_MEMORY with the queue
   unchanged. */
enum pop_status pop_pipeline_push(struct pop_pipeline *pipeline,
                                  const struct pop_expected *reply);

/* Returns the next reply, valid until the next push, or NULL if none is
   pending. */
const struct pop_expected *
pop_pipeline_next(const struct pop_pipeline *pipeline);

/* Returns true if every pending reply has lines, unless it is a refusal. */
bool pop_pipeline_all_have_lines(const struct pop_pipeline *pipeline);

/* Notes that the status line of the next reply was read. */
void pop_pipeline_begin(struct pop_pipeline *pipeline);

/* Removes the next reply, which has begun.  Returns its owner. */
void *pop_pipeline_pop(struct pop_pipeline *pipeline);

/* Clears the owner of this owner's pending replies. */
void pop_pipeline_disown(struct pop_pipeline *pipeline, const void *owner);

#endif
