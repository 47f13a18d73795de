/* The sink of a listing, the reply to LIST or UIDL: its rows become items of a
   dict as they arrive.  Calls stream and core/proto. */

#ifndef BINDING_ROWS_H
#define BINDING_ROWS_H

#include "binding/reader/stream.h"
#include "core/proto/command.h"

struct rows {
    struct stream_sink sink;
    enum pop_verb verb;
    PyObject *dict;  /* message number to size or id; NULL at first */
    long long count; /* rows that name a message */
    long long last;  /* message that the last row names, or 0 */
};

/* The caller releases sink.response, and owns the dict. */
void rows_init(struct rows *self, enum pop_verb verb, enum pop_end_rule rule);

/* Makes the dict, unless there is one; the sink does that when it takes lines.
   Returns -1 and an exception. */
int rows_begin(struct rows *self);

/* Adds a row, bytes.  Returns -1 and an exception, also for another object. */
int rows_add(struct rows *self, PyObject *line);

/* Returns the message that a row (bytes) begins with, or 0 if there is none.
 */
long long rows_message(PyObject *line);

#endif
