/* What .file is: a buffered binary reader over the connection's own buffer,
   so that no byte that C has received is hidden from Python. */

#ifndef BINDING_READER_H
#define BINDING_READER_H

#include "binding/base/lock.h"
#include "binding/base/state.h"
#include "binding/reader/progress.h"
#include "core/net/link.h"

/* Whether commands may be sent ahead of the replies to others. */
enum reader_ability {
    READER_UNASKED,
    READER_ABLE,
    READER_UNABLE
};

typedef struct {
    PyObject_HEAD
    PyObject *weakrefs;
    struct module_state *state;   /* of `module` */
    PyObject *module;             /* kept until the end */
    PyObject *sock;               /* read from; never NULL once adopted */
    PyObject *file;               /* what makefile() gave; it holds the
                                     descriptor open until it is closed */
    struct lock lock;             /* held while bytes are moved */
    struct pop_link link;         /* touched with the lock held only */
    struct pop_transport *direct; /* on the descriptor */
    struct pop_transport
        *python_transport; /* on the methods; NULL until needed */
    bool half_duplex;      /* by the transport last entered with */
    bool in_tls;           /* entered, and the TLSSocket, which sock
                              is, too */
    struct stream_progress progress;
    enum reader_ability ability; /* of the server; see pipeline_probe.h */
    struct held *held;           /* answers not told yet; see held.h */
    /* Of all that it does, as it is now; and what frees that. */
    const struct pop_deadline *limit;
    PyObject *limit_owner;
} ReaderObject;

/* A new type poplib_c.Reader, or NULL. */
PyTypeObject *reader_new_type(PyObject *module);

/* A Reader of what `sock` receives, which closes `file`.  `limit` counts for
   all that it does, and is freed by its owner.  NULL and an exception. */
ReaderObject *reader_new(struct module_state *state, PyObject *sock,
                         PyObject *file, const struct pop_deadline *limit,
                         PyObject *limit_owner);

/* What .file is to be for `file`, which sock.makefile("rb") has returned: a
   new Reader if that is exactly a BufferedReader over a SocketIO over that
   same socket, else `file` itself.  A new reference, or NULL. */
PyObject *reader_adopt(struct module_state *state, PyObject *sock,
                       PyObject *file, const struct pop_deadline *limit,
                       PyObject *limit_owner);

bool reader_check(struct module_state *state, PyObject *object);

/* Takes the reader for moving bytes: waits for its lock, and asks the socket
   anew for its descriptor and timeout.  -1 and an exception: RuntimeError if
   this thread is inside already, ValueError if the reader is closed,
   ConnectionAbortedError if it was closed meanwhile. */
int reader_enter(ReaderObject *self);

/* The same for reading on a stream that is in step: -1 also with the
   exceptions of progress_check(). */
int reader_enter_in_step(ReaderObject *self);

/* The same for reading by hand: -1 and RuntimeError also while replies to
   commands that were sent ahead are to come. */
int reader_enter_by_hand(ReaderObject *self);

/* Queues a command line, without its line end, to be sent while something is
   received: its reply is the pipeline's last.  Not entered.  -1 and an
   exception, those of reader_enter_in_step() too. */
int reader_queue(ReaderObject *self, PyObject *line, enum pop_reply_form form,
                 void *owner);

/* Gives it back.  A pending exception stays. */
void reader_leave(ReaderObject *self);

/* Closes it for all but the caller, who is inside: reader_leave() closes
   .file.  Its socket is left alone. */
void reader_retire(ReaderObject *self);

/* -1 and ConnectionAbortedError if it was closed since it was entered. */
int reader_check_open(ReaderObject *self);

/* Records that the stream is over: nothing is unread.  Entered. */
void reader_end(ReaderObject *self);

/* Records what a failed read means for the stream, and raises.  Entered. */
void reader_fail(ReaderObject *self, enum pop_status status,
                 struct pop_error *error);

/* reader_fail() for a failed write: `untouched` if not a byte of the command
   can have been sent. */
void reader_fail_write(ReaderObject *self, enum pop_status status,
                       struct pop_error *error, bool untouched);

/* Receives at least one byte for what is read by hand: 1, or 0 at the end of
   the stream, or -1 and an exception.  Entered. */
int reader_fill(ReaderObject *self);

/* Closes it, waking a thread that is inside; that thread then closes .file.
   -1 and an exception if closing .file failed. */
int reader_close(ReaderObject *self);

#endif
