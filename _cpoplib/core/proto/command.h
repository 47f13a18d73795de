/* The commands of RFC 1939, 2449 and 6856 as a table, and one command line.
   Calls buffer.h and scan.h. */

#ifndef POP_COMMAND_H
#define POP_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

#include "core/proto/buffer.h"
#include "core/proto/status.h"

enum pop_verb {
    POP_VERB_APOP,
    POP_VERB_CAPA,
    POP_VERB_DELE,
    POP_VERB_LANG,
    POP_VERB_LIST,
    POP_VERB_NOOP,
    POP_VERB_PASS,
    POP_VERB_QUIT,
    POP_VERB_RETR,
    POP_VERB_RPOP,
    POP_VERB_RSET,
    POP_VERB_STAT,
    POP_VERB_TOP,
    POP_VERB_UIDL,
    POP_VERB_USER,
    POP_VERB_UTF8,
    POP_VERB_COUNT
};

struct pop_command {
    const char *name;
    bool multiline;               /* has lines without an argument */
    bool multiline_with_argument; /* has lines with an argument; LANG, LIST and
                                     UIDL have none then */
};

const struct pop_command *pop_command(enum pop_verb verb);

/* The most octets of the lines of a reply to CAPA.  Servers send less than a
   hundredth.  Before TLS, anybody may be the server. */
#define POP_COMMAND_CAPA_OCTETS ((size_t)64 * 1024)

/* The most octets of a line of an AUTH exchange, under any limit of status
   lines (RFC 5034, section 4; RFC 4954 gives the number). */
#define POP_COMMAND_SASL_OCTETS ((size_t)12288)

/* Returns POP_CONTROL if the line has a control character (C0 or DEL): CR or
   LF in an argument would begin a second command.  Otherwise POP_OK. */
enum pop_status pop_command_check(const char *line, size_t length);

/* Returns the message number after the verb, or -1 if there is none. */
long long pop_command_number(const char *line, size_t length);

/* Appends the line and CRLF to `out`, or nothing.  Returns POP_OK,
   POP_NO_MEMORY or POP_TOO_LONG. */
enum pop_status pop_command_append(struct pop_buffer *out, const char *line,
                                   size_t length);

#endif
