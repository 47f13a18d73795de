/* The type POP3: its instances, and what other files need of them. */

#ifndef BINDING_POP3_H
#define BINDING_POP3_H

#include "binding/base/lock.h"
#include "binding/client/read_ahead.h"
#include "binding/module/module.h"
#include "binding/reader/step.h"

/* Where a command is, for another one that a hook or a signal handler of the
   same thread tries in its midst. */
enum pop3_phase {
    PHASE_REST,      /* between two commands */
    PHASE_SENDING,   /* a line goes out, by a method of the socket's; or
                        some, ahead of their replies */
    PHASE_CHALLENGE, /* the answer to a challenge is being thought of */
    PHASE_STATUS,    /* a reply of one line is to come */
    PHASE_REPLY,     /* a reply with lines is to come */
    PHASE_LINES      /* its lines are being read */
};

/* Where auth() is. */
enum pop3_sasl {
    SASL_NONE,
    SASL_COMMAND,   /* AUTH goes out */
    SASL_CHALLENGED /* an answer is what the server waits for */
};

/* Are commands sent ahead of the replies to others? */
enum pop3_pipelining {
    PIPELINING_AUTO, /* where the server says that it takes them, and does */
    PIPELINING_ALWAYS,
    PIPELINING_NEVER
};

struct deadlines;

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
    size_t read_ahead;             /* messages */
    struct read_ahead ahead;       /* what came of that */
    struct deadlines *deadlines;   /* never NULL; see deadline.h */
    PyObject *deadlines_owner;     /* frees them */
    PyObject *verify;              /* of POP3_SSL(); NULL: do not */
    struct ssl_ctx_st *tls_config; /* of a POP3_SSL that is connecting */
    enum pop3_phase phase;         /* of the lock's owner */
    size_t reply_limit;            /* octets of the lines that are awaited */
    enum pop_end_rule end_rule;    /* of the reply that is awaited */
    enum pop3_sasl sasl;
    bool needs_answers;       /* a command's line goes out: whatever is sent
                                 meanwhile, all before it was answered */
    bool is_logged;           /* since the last command; see log.h */
    bool is_challenged;       /* by the last status line, or perhaps by what
                                 AUTH was answered with */
    PyObject *foreign_file;   /* the .file, not a Reader, that */
    struct step foreign_step; /*   this is about */
} POP3Object;

#define POP3(op) ((POP3Object *)(op))

/* A new type poplib_c.POP3, or NULL.  Fills state->own_hook. */
PyTypeObject *pop3_new_type(struct module_state *state, PyObject *module);

/* The instance's __dict__, a new reference; NULL if it has none yet. */
PyObject *pop3_get_dict(POP3Object *self);

/* Whether `name` is in the instance's __dict__: 1, 0 or -1. */
int pop3_dict_has(POP3Object *self, PyObject *name);

/* __signature__ of POP3, POP3_SSL, and the subclasses that share a
   constructor of theirs; a lazy_attribute_compute. */
PyObject *pop3_signature(struct module_state *state, PyObject *instance,
                         PyTypeObject *owner);

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

/* Whether a command can begin: neither in the midst of another one, nor while
   the server waits for an answer to its challenge. */
bool pop3_is_idle(const POP3Object *self);

/* -1 and RuntimeError if none can. */
int pop3_check_idle(POP3Object *self);

/* What is known of the stream behind `file`, which .file is. */
struct step *pop3_step_of(POP3Object *self, PyObject *file);

/* The same, or NULL if it is another file by now that something is known
   of. */
struct step *pop3_known_step(POP3Object *self, PyObject *file);

#endif
