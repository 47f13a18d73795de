/* The commands of RFC 1939, 2449 and 6856 as data, and one command line. */

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
    bool multiline;               /* without an argument */
    bool multiline_with_argument; /* LANG, LIST and UIDL have one line then */
};

const struct pop_command *pop_command(enum pop_verb verb);

/* Octets that the lines of the reply to CAPA may have.  Servers take less than
   one in a hundred; this one may be anybody, for it is asked before TLS. */
#define POP_COMMAND_CAPA_OCTETS ((size_t)64 * 1024)

/* Octets that a line of an AUTH exchange may have, whatever the limit of
   status lines is (RFC 5034, section 4; the number is that of RFC 4954). */
#define POP_COMMAND_SASL_OCTETS ((size_t)12288)

/* An AUTH command that is longer, line end included, leaves its initial
   response out (RFC 5034, section 4; RFC 2449, section 4). */
#define POP_COMMAND_OCTETS ((size_t)255)

/* POP_CONTROL if the line holds a control character (C0 or DEL): CR or LF in
   an argument would make a second command of it. */
enum pop_status pop_command_check(const char *line, size_t length);

/* How much of a command line may be shown to anybody: not what is behind PASS,
   behind the user's name of APOP or the mechanism of AUTH, nor from a control
   character on. */
size_t pop_command_shown(const char *line, size_t length);

/* The message number that follows the verb; -1 without one. */
long long pop_command_number(const char *line, size_t length);

/* Adds the line and CRLF to the bytes to be sent; all or nothing.
   POP_NO_MEMORY, POP_TOO_LONG. */
enum pop_status pop_command_append(struct pop_buffer *out, const char *line,
                                   size_t length);

#endif
