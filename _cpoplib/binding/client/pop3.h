/* An instance of POP3: its struct, its attributes by name, its lock, and
   whether a command can begin.

   Calls the socket, the Reader and the client's log. */

#ifndef BINDING_POP3_H
#define BINDING_POP3_H

#include "binding/base/lock.h"
#include "binding/base/state.h"
#include "binding/reader/progress.h"
#include "binding/reader/reader.h"

/* Are commands sent ahead of the replies to others? */
enum pop3_pipelining {
    PIPELINING_AUTO, /* where the server says that it takes them, and does */
    PIPELINING_ALWAYS,
    PIPELINING_NEVER
};

struct deadlines;
struct readahead;

/* poplib's attributes (host, sock, file, ...) are in `dict`; here is only
   what is ours alone. */
typedef struct {
    PyObject_HEAD
    PyObject *dict;
    PyObject *weakrefs;
    struct module_state *state; /* of `module` */
    PyObject *module;           /* kept until the end */
    struct lock lock;           /* held for the length of one command */
    size_t max_line; /* octets; POP_UNLIMITED_OCTETS for none; see */
    size_t max_size; /*   options.c */
    enum pop3_pipelining pipelining;
    size_t read_ahead;                /* messages */
    struct readahead *readahead;      /* never NULL; see readahead.h */
    struct deadlines *deadlines;      /* never NULL; see deadline.h */
    PyObject *deadlines_owner;        /* frees them */
    PyObject *verify;                 /* of POP3_SSL(); NULL: do not */
    struct ssl_ctx_st *tls_config;    /* of a POP3_SSL that is connecting */
    bool is_logged;                   /* since the last command; see log.h */
    struct command_progress progress; /* of the lock's owner */
    PyObject *foreign_file;           /* the .file, not a Reader, that */
    struct stream_progress foreign;   /*   this is about */
} POP3Object;

#define POP3(op) ((POP3Object *)(op))

/* The instance's __dict__, a new reference; NULL if it has none yet. */
PyObject *pop3_get_dict(POP3Object *self);

/* Whether `name` is in the instance's __dict__: 1, 0 or -1. */
int pop3_dict_has(POP3Object *self, PyObject *name);

/* .file; AttributeError that names `wanted` and says so if close() has set it
   to None. */
PyObject *pop3_get_file(POP3Object *self, const char *wanted);

/* .sock, likewise. */
PyObject *pop3_get_sock(POP3Object *self, const char *wanted);

/* Takes the connection for one command: waits while another thread has it.
   -1 and an exception: RuntimeError if this thread is in the midst of a read
   or write of this connection's, which the other one's command may wait
   for. */
int pop3_lock(POP3Object *self);

void pop3_unlock(POP3Object *self);

/* -1 and RuntimeError in the midst of another command of this thread's. */
int pop3_check_rest(POP3Object *self);

/* -1 and RuntimeError if no command can begin: see progress_is_idle(). */
int pop3_check_idle(POP3Object *self);

/* What is known of the stream that `file`, which .file is, reads from.  The
   connection lock is held. */
struct stream_progress *pop3_progress_of(POP3Object *self, PyObject *file);

/* What is known of the stream of `file`, which is no Reader; or `other`, of
   which nothing is, if .file has been another one since. */
struct stream_progress *pop3_known_progress(POP3Object *self, PyObject *file,
                                            struct stream_progress *other);

/* .file if it is an open Reader, as a new reference; otherwise NULL, with an
   exception if *failed. */
ReaderObject *pop3_get_reader(POP3Object *self, int *failed);

/* progress_check() of the stream that .file reads from, or, for who `sends`,
   progress_check_send(). */
int pop3_check_step(POP3Object *self, bool sends);

/* Whether the next bytes of that stream are the reply that is waited for; not
   if it can't be told, with an exception. */
bool pop3_is_in_step(POP3Object *self);

/* A method that sends was ended by the pending exception, which stays: how
   much it has sent is not known. */
void pop3_note_unsent(POP3Object *self);

#endif
