/* Replies with what is to be read from them, for any way of feeding them. */

#ifndef POP_TEST_REPLIES_H
#define POP_TEST_REPLIES_H

#include <stdbool.h>
#include <stddef.h>

#include "core/proto/reply.h"
#include "core/proto/status.h"

/* What was read of a reply. */
struct transcript {
    char text[512]; /* each text, the status first, and an LF */
    size_t length;
    size_t octets;
    size_t consumed;        /* of the bytes fed */
    enum pop_status status; /* POP_OK, or POP_NEED_INPUT: not the whole */
};

struct sample {
    const char *bytes;
    size_t length;
    bool multiline;
    struct transcript expected;
};

extern const struct sample samples[];
extern const size_t sample_count;

/* How a sample is fed: the first piece, and the further ones. */
struct feeding {
    size_t first;
    size_t step;
};

/* Adds the texts of a batch. */
void transcript_add(struct transcript *transcript, const char *bytes,
                    const struct pop_batch *batch);

/* Fails with both transcripts if they are not the same. */
void transcript_compare(const struct transcript *actual,
                        const struct transcript *expected,
                        const struct feeding *feeding);

/* Calls read() for every sample whole, byte by byte, and in two pieces cut at
   every position. */
void feed_all_samples(void (*read)(const struct sample *sample,
                                   const struct feeding *feeding));

/* Calls check() for all strings of up to six of the bytes that matter. */
void feed_all_short_inputs(void (*check)(const char *bytes, size_t length));

#endif
