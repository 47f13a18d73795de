/* A command and its reply in one go: the Reader is entered once, to see that
   it is at rest, to send and to receive, where nothing on the way is
   overridden, nothing is printed or logged, and .sock is what the Reader
   reads from. */

#ifndef BINDING_FAST_PATH_H
#define BINDING_FAST_PATH_H

#include "binding/client/overrides.h"
#include "binding/reader/stream.h"

enum fast_path_end {
    FAST_PATH_FAILED,    /* with an exception */
    FAST_PATH_DONE,      /* the reply was read */
    FAST_PATH_UNTOUCHED, /* it can't be done so, and nothing was done */
    FAST_PATH_ANNOUNCED  /* an audit hook has changed that: the event is over,
                           and nothing was sent */
};

struct exchange {
    hook_set hooks;           /* what else would be called */
    struct stream_sink *sink; /* NULL: the reply is one line */
    struct stream_reply reply;
    ReaderObject *reader; /* unless nothing was done */
    PyObject *bytes;      /* the line as it is sent; or NULL */
};

/* The connection lock is held, and no command is in its midst.  The first
   two fields are given, fast_path_release() has to follow. */
enum fast_path_end fast_path_run(struct exchange *self, POP3Object *client,
                                 PyObject *line);

void fast_path_release(struct exchange *self);

#endif
