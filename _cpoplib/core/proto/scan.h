/* Finds lines, numbers and response codes in received bytes, as spans: no
   object, no copy, no I/O.  Calls nothing else in core/.

   The rules for lines are poplib's: a line ends in LF; CR LF is stripped, else
   a CR at the front and the LF, else the LF alone. */

#ifndef POP_SCAN_H
#define POP_SCAN_H

#include <stdbool.h>
#include <stddef.h>

#include "core/proto/status.h"

#define POP_UNLIMITED_OCTETS ((size_t)-1)

/* Octets of a line that no limit counts: a terminator with its line end, or a
   stuffed dot. */
#define POP_UNCOUNTED_OCTETS 3

/* The most digits of a number on the wire. */
#define POP_NUMBER_DIGITS 18
#define POP_NUMBER_MOST 999999999999999999LL

/* A piece of the scanned bytes. */
struct pop_span {
    size_t offset;
    size_t length;
};

/* Finds the end of the line at the front of `bytes`.  Returns POP_OK with the
   line's length in *octets, line end included, and *searched 0; POP_NEED_INPUT
   if there is no LF; POP_TOO_LONG if the line has more than `limit` octets,
   line end included.  *searched counts the leading bytes without an LF, so
   that a line in pieces is searched once. */
enum pop_status pop_scan_line(const char *bytes, size_t length, size_t limit,
                              size_t *searched, size_t *octets);

/* Returns the text of the line of `octets` bytes at `offset`, which ends in
   LF. */
struct pop_span pop_scan_strip(const char *bytes, size_t offset,
                               size_t octets);

/* Returns true if the text is ".", which ends a reply with lines (RFC 1939,
   section 3). */
bool pop_scan_is_terminator(const char *bytes, struct pop_span text);

/* Removes the first of two leading dots (RFC 1939, section 3).  Returns true
   if there were two. */
bool pop_scan_unstuff(const char *bytes, struct pop_span *text);

/* Returns the number at the front and its *digits, or -1 if there is none or
   it has more than POP_NUMBER_DIGITS. */
long long pop_scan_number(const char *bytes, size_t length, size_t *digits);

/* Returns true if the bytes begin with `text`, which is in upper case, in any
   case. */
bool pop_scan_begins_with(const char *bytes, size_t length, const char *text);

#endif
