/* What commands do with a Reader: send a line, read a reply. */

#ifndef BINDING_STREAM_H
#define BINDING_STREAM_H

#include "binding/reader.h"

struct stream_reply {
    PyObject *response; /* the status line */
    PyObject *lines;    /* NULL: the status is not positive, no lines */
    size_t octets;      /* of the lines */
};

/* Sends the line and CRLF.  0, or -1 and an exception. */
int stream_send(ReaderObject *reader, const char *line, size_t length);

/* -1 and error_proto unless the stream is at rest: every command has its
   answer, and there are no unread bytes that could be taken for the answer
   to the next one.  Also raises what step_check() does. */
int stream_check_at_rest(ReaderObject *reader);

/* One line with its line end, of at most `limit` octets; less than a line,
   or b"", if the stream ends there.  `answers`: it is the answer to the
   oldest command.  A new reference, or NULL. */
PyObject *stream_raw_line(ReaderObject *reader, size_t limit, bool answers);

/* One status line without its line end, which answers the oldest command.
   error_proto('-ERR EOF') at the end of the stream. */
PyObject *stream_status(ReaderObject *reader, size_t limit);

/* Octets of the status line, of each further line, and of all those. */
struct stream_limits {
    size_t status;
    size_t line;
    size_t size;
};

/* A whole multi-line reply.  0 and new references, or -1. */
int stream_read_reply(ReaderObject *reader, const struct stream_limits *limits,
                      struct stream_reply *reply);

#endif
