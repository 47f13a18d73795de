/* An instance of POP3: its struct, its attributes by name, its lock, and
   whether a command can begin.

   Calls the socket, the Reader and the client's log. */

#ifndef BINDING_POP3_H
#define BINDING_POP3_H

#include "binding/base/guard.h"
#include "binding/base/lock.h"
#include "binding/base/state.h"
#include "binding/client/read_ahead.h"
#include "binding/reader/progress.h"

/* Are commands sent ahead of the replies to others? */
enum pop3_pipelining {
    PIPELINING_AUTO, /* where the server says that it takes them, and does */
    PIPELINING_ALWAYS,
    PIPELINING_NEVER
};

struct deadlines;

/* A constructor that is at work; see opening.h. */
struct opening {
    int constructors;     /* how many, one inside the other */
    unsigned long thread; /* of the outer one */
    bool is_closed;       /* by another thread */
    int fd;               /* a duplicate of what is connecting, or -1 */
};

/* poplib's attributes (host, sock, file, ...) are in `dict`; here is only
   what is ours alone. */
typedef struct {
    GUARD_HEAD /* made by deadlines_new() */
    PyObject *dict;
    PyObject *weakrefs;
    struct module_state *state; /* of `module` */
    PyObject *module;           /* kept until the end */
    struct lock lock;           /* held for the length of one command */
    size_t max_line; /* octets; POP_UNLIMITED_OCTETS for none; see */
    size_t max_size; /*   options.c */
    enum pop3_pipelining pipelining;
    size_t read_ahead;                /* messages */
    struct read_ahead ahead;          /* what came of that */
    struct deadlines *deadlines;      /* of the guard; see deadline.h */
    PyObject *verify;                 /* of POP3_SSL(); NULL: do not */
    struct ssl_ctx_st *tls_config;    /* of a POP3_SSL that is connecting */
    struct opening opening;           /* of a constructor; see opening.h */
    bool is_logged;                   /* since the last command; see log.h */
    struct command_progress progress; /* of the lock's owner */
    PyObject *foreign_file;           /* the .file, not a Reader, that */
    struct stream_progress foreign;   /*   this is about */
} POP3Object;

#define POP3(op) ((POP3Object *)(op))

/* The instance's __dict__, a new reference; NULL if it has none yet. */
static inline PyObject *
pop3_get_dict(POP3Object *self)
{
    PyObject *dict;

    /* Assigning to __dict__ takes the object's own lock. */
    Py_BEGIN_CRITICAL_SECTION((PyObject *)self);
    dict = Py_XNewRef(self->dict);
    Py_END_CRITICAL_SECTION();
    return dict;
}

/* Returns whether `name` is in the instance's __dict__: 1, 0 or -1. */
int pop3_dict_has(POP3Object *self, PyObject *name);

/* Returns .file, or NULL and an exception.  After close(), which sets it to
   None, raises AttributeError that names the attribute `wanted`. */
PyObject *pop3_get_file(POP3Object *self, const char *wanted);

/* Returns .sock as pop3_get_file() returns .file. */
PyObject *pop3_get_sock(POP3Object *self, const char *wanted);

/* pop3_lock() while another thread has the connection. */
int pop3_wait_for_lock(POP3Object *self);

/* Takes the connection for one command; waits while another thread has it.
   Returns -1 and an exception: RuntimeError if this thread is inside a read or
   write of this connection, which the other thread's command may wait for. */
static inline int
pop3_lock(POP3Object *self)
{
    assert(guard_is_mine(self->guard));
    return lock_try(&self->lock) ? 0 : pop3_wait_for_lock(self);
}

static inline void
pop3_unlock(POP3Object *self)
{
    lock_release(&self->lock);
}

/* Returns -1 and raises RuntimeError if this thread is inside a command. */
int pop3_check_rest(POP3Object *self);

/* Returns -1 and raises RuntimeError if no command can begin: see
   progress_is_idle(). */
int pop3_check_idle(POP3Object *self);

/* Returns the progress of the stream that `file`, the value of .file, reads
   from.  Needs the command lock. */
struct stream_progress *pop3_progress_of(POP3Object *self, PyObject *file);

/* Returns the progress of the stream of `file`, which is no Reader; or
   `other`, as of a new stream, if .file has been another one since. */
struct stream_progress *pop3_known_progress(POP3Object *self, PyObject *file,
                                            struct stream_progress *other);

/* Returns .file (new reference) if it is an open Reader; else NULL, with an
   exception if *failed. */
ReaderObject *pop3_get_reader(POP3Object *self, int *failed);

/* Returns the attribute session_state, a new str.  Runs no Python code, unless
   the keys of __dict__ do. */
PyObject *pop3_get_state(POP3Object *self);

/* Calls progress_check() for the stream that .file reads from, or
   progress_check_send() if the caller `sends`. */
int pop3_check_step(POP3Object *self, bool sends);

/* Returns whether the next bytes of the stream that .file reads from are the
   pending reply.  False with an exception if .file can't be read. */
bool pop3_is_in_step(POP3Object *self);

/* Notes that the pending exception, which stays, ended a method that sends:
   how much it has sent is unknown. */
void pop3_note_unsent(POP3Object *self);

#endif
