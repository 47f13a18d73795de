/* What the fuzz targets share: an input that is taken apart octet by octet,
   checks, and a reply read in the most obvious way. */

#ifndef POP_TEST_FUZZ_H
#define POP_TEST_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/proto/reply.h"
#include "core/proto/status.h"

/* Ends the program, as the sanitizers do, unless the condition holds. */
#define FUZZ_CHECK(condition)                                                 \
    ((condition) ? (void)0 : fuzz_fail(#condition, __FILE__, __LINE__))

_Noreturn void fuzz_fail(const char *condition, const char *file, int line);

/* What each target defines: runs one input, and returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is left of an input. */
struct fuzz_input {
    const char *bytes;
    size_t length;
};

/* The whole of it; core/ has no memory yet. */
struct fuzz_input fuzz_begin(const uint8_t *data, size_t size);

/* All memory has been given back. */
void fuzz_end(void);

/* The next octet; 0 where there is none. */
unsigned fuzz_take(struct fuzz_input *input);

/* The next two, as one number. */
unsigned fuzz_take_pair(struct fuzz_input *input);

/* The first `length` octets, or all that are left. */
struct fuzz_input fuzz_take_bytes(struct fuzz_input *input, size_t length);

/* An octet as a limit; the highest is none. */
size_t fuzz_limit(unsigned octet);

/* Where something long is cut: behind its units i for which bit i % 16 is
   set. */
struct fuzz_cuts {
    unsigned pattern;
    size_t unit; /* octets */
};

/* How long the piece is that begins at `start`, of `length` octets in all. */
size_t fuzz_piece(const struct fuzz_cuts *cuts, size_t start, size_t length);

bool fuzz_is_equal(const char *a, const char *b, size_t length);

/* --- replies ------------------------------------------------------------ */

/* How a reply is to be read. */
struct fuzz_plan {
    enum pop_reply_form form;
    bool lines_only; /* its status line has been read */
    bool drop;       /* what is over size_limit, instead of ending there */
    size_t status_limit;
    size_t line_limit;
    size_t size_limit;
};

/* Takes a plan: the octet that has the flags, and the limits. */
struct fuzz_plan fuzz_take_plan(struct fuzz_input *input, unsigned flags);

/* Starts a reply as planned. */
void fuzz_plan_begin(const struct fuzz_plan *plan, struct pop_reply *reply);

/* More than any input has, or is made to have. */
#define FUZZ_MOST_OCTETS ((size_t)512 * 1024)

/* A line is given out in pieces (POP_OCTETS) where it has more. */
#define FUZZ_LONG_LINE ((size_t)64 * 1024)

/* So far back the end of a reply is looked for. */
#define FUZZ_FAR_BACK ((size_t)64 * 1024)

/* What was read. */
struct fuzz_reading {
    char *text; /* the caller's: 2 * FUZZ_MOST_OCTETS; a LF follows each text,
                   but for those of POP_OCTETS, which are as they are */
    size_t length;
    size_t certain; /* of the reference, if the last line has no end: the
                       length without it */
    size_t octets;
    size_t consumed;
    enum pop_status status; /* POP_OK, POP_NEED_INPUT, POP_TOO_LONG or
                               POP_TOO_MUCH; it stays that when the rest is
                               dropped */
    bool has_long;          /* of the reference: a line of FUZZ_LONG_LINE */
    bool is_done;           /* the end of the reply was read */
};

void fuzz_reading_begin(struct fuzz_reading *reading, char *text);

/* Adds a batch's texts, and checks its spans, in bytes that were there. */
void fuzz_reading_add(struct fuzz_reading *reading,
                      const struct fuzz_plan *plan,
                      const struct pop_reply *reply,
                      const struct pop_batch *batch, const char *bytes,
                      size_t length);

/* The reference. */
void fuzz_reading_expect(struct fuzz_reading *reading,
                         const struct fuzz_plan *plan, const char *bytes,
                         size_t length);

/* Reads a reply that comes in pieces into a buffer, with a batch of so many
   spans. */
struct fuzz_feeding {
    struct fuzz_cuts cuts;
    size_t spans; /* 2 to FUZZ_MOST_SPANS; 1 where no POP_OCTETS may come */
    bool lazy;    /* the batch is taken only when that has to be done */
};

#define FUZZ_MOST_SPANS 10

void fuzz_reading_feed(struct fuzz_reading *reading,
                       const struct fuzz_plan *plan,
                       const struct fuzz_feeding *feeding, const char *bytes,
                       size_t length);

/* Checks that the reply in `bytes` is read as the reference does, fed like
   this and in one piece. */
void fuzz_reading_compare(const struct fuzz_plan *plan,
                          const struct fuzz_feeding *feeding,
                          const char *bytes, size_t length);

/* Checks what is said of replies that have come before they are read: whether
   one is whole, and how much comes behind the last one with lines. */
void fuzz_reading_check_whole(enum pop_reply_form form, const char *bytes,
                              size_t length);

/* Checks that a reading is the expected one. */
void fuzz_reading_check(const struct fuzz_reading *reading,
                        const struct fuzz_reading *expected,
                        const struct fuzz_plan *plan);

#endif
