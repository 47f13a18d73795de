/* Complete lines of received bytes, as spans: no object, no copy, no I/O.

   The rules are poplib's, so that the drop-in calls give the same lines:
   a line ends in LF; CR LF is stripped, else a CR at the front and the LF,
   else the LF alone. */

#ifndef POP_SCAN_H
#define POP_SCAN_H

#include <stdbool.h>
#include <stddef.h>

#include "core/proto/status.h"

#define POP_UNLIMITED_OCTETS ((size_t)-1)

/* What a line may have that does not count: the terminator with its line end,
   or a stuffed dot. */
#define POP_UNCOUNTED_OCTETS 3

/* A number on the wire may have so many digits. */
#define POP_NUMBER_DIGITS 18
#define POP_NUMBER_MOST 999999999999999999LL

/* A piece of the scanned bytes. */
struct pop_span {
    size_t offset;
    size_t length;
};

/* Finds the end of the line at the front of `bytes`.

   *searched is how many leading bytes are known to hold no LF; it is kept up
   to date so that a line that arrives in pieces is searched once, and is 0
   again when a line was found.  *octets is the line's length with its line
   end.  POP_NEED_INPUT if there is no LF yet, POP_TOO_LONG if the line has
   more than `limit` octets, line end included. */
enum pop_status pop_scan_line(const char *bytes, size_t length, size_t limit,
                              size_t *searched, size_t *octets);

/* The text of a line of `octets` bytes that starts at `offset` and ends in
   LF. */
struct pop_span pop_scan_strip(const char *bytes, size_t offset,
                               size_t octets);

/* A "." alone ends a multi-line reply (RFC 1939, section 3). */
bool pop_scan_is_terminator(const char *bytes, struct pop_span text);

/* Takes the first of two leading dots away (RFC 1939, section 3); true if
   there were two. */
bool pop_scan_unstuff(const char *bytes, struct pop_span *text);

/* The number at the front, of *digits digits; -1 if there is none, or one of
   more than POP_NUMBER_DIGITS. */
long long pop_scan_number(const char *bytes, size_t length, size_t *digits);

/* Whether upper-case text is at the front, in whatever case. */
bool pop_scan_begins_with(const char *bytes, size_t length, const char *text);

/* The response code of a status line, "IN-USE" of "-ERR [IN-USE] text" (RFC
   2449, section 8), as a span; of length 0 if there is none. */
struct pop_span pop_scan_code(const char *bytes, size_t length);

#endif
