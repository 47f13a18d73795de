/* A link whose transport plays a script. */

#ifndef POP_TEST_SCRIPT_H
#define POP_TEST_SCRIPT_H

#include "core/net/link.h"
#include "replies.h"

/* A transport that plays a script: bytes to be received piece by piece, and
   what becomes of the first calls. */
struct script {
    struct pop_transport base;
    const char *bytes;
    size_t length;
    struct feeding feeding;
    const enum pop_status *outcomes; /* of the first calls; then POP_OK */
    size_t outcome_count;
    size_t received;
    size_t sent;
    size_t most_per_send;
    size_t calls;
    bool has_begun;              /* what it says of sends that fail */
    struct pop_timeout deadline; /* as the last call left it */
};

/* A link on a script of these bytes, which come whole, and are expected to be
   sent whole. */
void open_script(struct script *script, struct pop_link *link,
                 const char *bytes, size_t length);

/* pop_link_pump(), for those who do not ask for details. */
enum pop_status pump(struct pop_link *link);

/* pop_link_flush(), called again as long as it is interrupted. */
enum pop_status flush(struct pop_link *link);

/* What reading a reply came to, where its text does not matter. */
struct totals {
    enum pop_status status;
    size_t lines;
    size_t text;      /* of the lines, without their ends */
    size_t capacity;  /* the largest of link->in */
    size_t no_memory; /* how often that came, and reading went on */
};

/* Pumps the reply that was begun to its end. */
void read_totals(struct pop_link *link, struct totals *totals);

/* A block of `length` bytes in lines of `octets` each, which the caller
   frees; the last line is the terminator. */
char *make_lines(size_t length, size_t octets);

#endif
