/* What commands do with a Reader: send a line, read a reply. */

#ifndef BINDING_STREAM_H
#define BINDING_STREAM_H

#include "binding/reader/reader.h"

/* Octets, or POP_UNLIMITED_OCTETS. */
struct stream_limits {
    size_t status; /* of the status line */
    size_t line;   /* of each further line */
    size_t size;   /* of all of those together */
};

/* Of lines that nobody wants, so many are read and dropped at most. */
#define STREAM_DROPPED_OCTETS ((size_t)16 * 1024 * 1024)

/* What takes the lines of a reply as they arrive. */
struct stream_sink {
    enum pop_reply_form form;
    enum pop_end_rule rule;
    /* The spans of the link's batch.  0, or -1 and an exception. */
    int (*take)(struct stream_sink *sink, const struct pop_link *link);
};

struct stream_reply {
    PyObject *response; /* the status line */
    bool is_positive;   /* it begins with '+'; otherwise the sink has taken
                           nothing */
    size_t octets;      /* of the lines */
};

/* Sends the line and CRLF.  0, or -1 and an exception. */
int stream_send(ReaderObject *reader, const char *line, size_t length);

/* -1 and error_proto unless the stream is at rest: every command has its
   answer, and there are no unread bytes that could be taken for the answer
   to the next one.  Also raises what progress_check() does. */
int stream_check_at_rest(ReaderObject *reader);

/* stream_check_at_rest(), and the Reader is entered, unless it raises. */
int stream_enter_at_rest(ReaderObject *reader);

/* stream_check_at_rest() without looking for more than was received: every
   command that was sent from here has its answer, which was read whole.  That
   is what code of the user's can change while a line is announced; it may also
   stand for the server, and answer before the line is sent. */
int stream_check_answered(ReaderObject *reader);

/* stream_check_answered(), and the Reader is entered, unless it raises. */
int stream_enter_answered(ReaderObject *reader);

/* reader_queue(); where no reply is to come yet, stream_check_answered() has
   to hold: -1 also with what that raises. */
int stream_queue(ReaderObject *reader, PyObject *line,
                 enum pop_reply_form form, void *owner);

/* One line with its line end, of at most `limit` octets; less than a line,
   or b"", if the stream ends there.  `answers`: it is the answer to the
   oldest command.  A new reference, or NULL. */
PyObject *stream_raw_line(ReaderObject *reader, size_t limit, bool answers);

/* One status line without its line end, which answers the oldest command.
   error_proto('-ERR EOF') at the end of the stream. */
PyObject *stream_status(ReaderObject *reader, size_t limit);

/* The same for who is inside the Reader, which is in step. */
PyObject *stream_status_inside(ReaderObject *reader, size_t limit,
                               enum pop_end_rule rule);

/* A whole multi-line reply; the sink takes its lines.  0 and a new reference,
   or -1: error_proto also for a reply over its limits.  The rest of a reply
   that is too large, or whose octets (POP_OCTETS) the sink did not take, is
   read and dropped, unless that is very long. */
int stream_read_reply(ReaderObject *reader, const struct stream_limits *limits,
                      struct stream_sink *sink, struct stream_reply *reply);

/* The same for who is inside the Reader, which is in step. */
int stream_read_reply_inside(ReaderObject *reader,
                             const struct stream_limits *limits,
                             struct stream_sink *sink,
                             struct stream_reply *reply);

/* Sends the line and CRLF and reads the reply: one line if `sink` is NULL,
   otherwise as stream_read_reply() does.  Entered, and at rest.  0 and a new
   reference, or -1. */
int stream_exchange(ReaderObject *reader, const char *line, size_t length,
                    const struct stream_limits *limits,
                    struct stream_sink *sink, struct stream_reply *reply);

#endif
