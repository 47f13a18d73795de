/* The type Reader (.file): a buffered binary reader over the connection's own
   buffer, so that Python can read every byte that C received.  Its struct,
   life cycle and lock.  Calls the other files reader_*, socket, base and core.
 */

#ifndef BINDING_READER_H
#define BINDING_READER_H

#include "binding/base/guard.h"
#include "binding/base/lock.h"
#include "binding/base/state.h"
#include "binding/reader/progress.h"
#include "core/net/link.h"

/* Whether commands may be sent ahead of replies. */
enum reader_ability {
    READER_UNASKED,
    READER_ABLE,
    READER_UNABLE
};

typedef struct {
    GUARD_HEAD
    PyObject *weakrefs;
    struct module_state *state;   /* of `module` */
    PyObject *module;             /* owned */
    PyObject *sock;               /* set by reader_new() */
    PyObject *file;               /* of makefile(); keeps the descriptor open
                                     until closed */
    struct lock lock;             /* held while bytes are moved */
    struct pop_link link;         /* needs the lock */
    struct pop_transport *direct; /* over the descriptor */
    struct pop_transport *python_transport; /* over methods; NULL until used */
    bool half_duplex;                       /* of the transport last used */
    bool in_tls; /* entered, and so is the TLSSocket `sock` */
    struct stream_progress progress;
    enum reader_ability ability; /* of the server; see pipeline_probe.h */
    struct held *held;           /* answers held back; see held.h */
    const struct pop_deadline *deadline; /* for all operations; of the guard */
} ReaderObject;

/* The type poplib_c.Reader. */
extern PyType_Spec reader_spec;

/* Returns a Reader over `sock` that closes `file`, or NULL and an exception.
   `deadline` applies to all operations; the guard (new reference) owns it. */
ReaderObject *reader_new(struct module_state *state, PyObject *sock,
                         PyObject *file, const struct pop_deadline *deadline,
                         PyObject *guard);

/* Returns the value of .file: a new Reader if sock.makefile("rb") is exactly a
   BufferedReader over a SocketIO over `sock`, else what that returns.  A new
   reference, or NULL and an exception. */
PyObject *reader_open(struct module_state *state, PyObject *sock,
                      const struct pop_deadline *deadline, PyObject *guard);

static inline bool
reader_check(struct module_state *state, PyObject *object)
{
    return Py_IS_TYPE(object, state->reader_type);
}

/* What must hold for the caller to go on inside; the next ones but
   READER_TO_SEND and READER_BY_HAND demand all that those before them do. */
enum reader_need {
    READER_OPEN,
    READER_TO_SEND,  /* progress_check_send() */
    READER_STILL,    /* READER_IN_STEP; the socket is not asked: no byte is
                        moved */
    READER_IN_STEP,  /* progress_check() */
    READER_BY_HAND,  /* also no reply to a command sent ahead is pending, else
                        RuntimeError */
    READER_ANSWERED, /* every command sent is answered, and its reply read */
    READER_AT_REST   /* also no bytes that could pass for the next answer can
                        be received now */
};

/* Takes the reader's lock, asks the socket for its descriptor and timeout, and
   checks what is needed.  Returns -1, not entered, and raises RuntimeError if
   this thread holds the lock, ValueError if the Reader is closed,
   ConnectionAbortedError if closed meanwhile, error_proto for READER_ANSWERED.
   That is needed after the user's code saw a line before it is sent: that code
   may use the connection, or play the server and answer early.  The functions
   that enter, leave or close a Reader enter its guard's section themselves:
   the caller may be another client, whose .file it has become. */
int reader_enter(ReaderObject *self, enum reader_need need);

/* Enters the Reader and leaves it.  Returns -1 and an exception as
   reader_enter(). */
int reader_require(ReaderObject *self, enum reader_need need);

/* Releases the reader's lock; keeps a pending exception. */
void reader_leave(ReaderObject *self);

/* Closes the Reader, but not the socket, while the caller is inside;
   reader_leave() closes `file`. */
void reader_retire(ReaderObject *self);

/* Returns -1 and raises ValueError, as a file does, if the Reader is closed.
 */
int reader_check_usable(ReaderObject *self);

/* Returns -1 and raises ConnectionAbortedError if the Reader was closed since
   it was entered. */
int reader_check_open(ReaderObject *self);

/* Records the end of the stream, with no bytes unread.  Needs the reader's
   lock. */
void reader_end(ReaderObject *self);

/* Records a failed read in the stream's progress, and raises.  Needs the
   reader's lock. */
void reader_fail(ReaderObject *self, enum pop_status status,
                 struct pop_error *error);

/* Records a failed write and raises; `untouched` if no byte of the command was
   sent.  Needs the reader's lock. */
void reader_fail_write(ReaderObject *self, enum pop_status status,
                       struct pop_error *error, bool untouched);

/* Receives at least one byte, for reading by hand.  Returns 1, 0 at the end of
   the stream, or -1 and an exception.  Needs the reader's lock. */
int reader_fill(ReaderObject *self);

/* Returns a span of the unread bytes as bytes, or NULL and an exception. */
static inline PyObject *
reader_bytes(const struct pop_link *link, struct pop_span span)
{
    return PyBytes_FromStringAndSize(pop_buffer_bytes(&link->in) + span.offset,
                                     (Py_ssize_t)span.length);
}

/* Closes the Reader.  Wakes a thread that is inside, which then closes `file`.
   Returns -1 and an exception if closing `file` failed. */
int reader_close(ReaderObject *self);

/* The type's methods, in reader_file.c. */
extern PyMethodDef reader_file_methods[];
extern PyGetSetDef reader_file_getset[];

PyObject *reader_file_iter(PyObject *op);
PyObject *reader_file_next(PyObject *op);

#endif
