/* The type POP3: its instances, and what other files need of them. */

#ifndef BINDING_POP3_H
#define BINDING_POP3_H

#include "binding/io.h"
#include "binding/module.h"
#include "binding/step.h"

/* poplib's attributes (host, sock, file, ...) are in `dict`; here is only
   what is ours alone. */
typedef struct {
    PyObject_HEAD
    PyObject *dict;
    PyObject *weakrefs;
    struct module_state *state;    /* borrowed from the type's module */
    struct io_lock lock;           /* held for the length of one command */
    size_t max_line;               /* octets; POP_NO_LIMIT for none */
    PyObject *verify;              /* of POP3_SSL(); NULL: do not */
    struct ssl_ctx_st *tls_config; /* of a POP3_SSL that is connecting */
    unsigned int lines_depth;      /* > 0 between the lines of a reply */
    PyObject *foreign_file;        /* the .file, not a Reader, that */
    struct step foreign_step;      /*   this is about */
} POP3Object;

#define POP3(op) ((POP3Object *)(op))

/* A new type poplib_c.POP3, or NULL.  Fills state->own_hook. */
PyTypeObject *pop3_new_type(struct module_state *state, PyObject *module);

/* __signature__ of POP3, POP3_SSL, and the subclasses that share a
   constructor of theirs; a lazy_compute. */
PyObject *pop3_signature(struct module_state *state, PyObject *instance,
                         PyTypeObject *owner);

/* .file; AttributeError that names `wanted` and says so if close() has set it
   to None. */
PyObject *pop3_get_file(POP3Object *self, const char *wanted);

/* .sock, likewise. */
PyObject *pop3_get_sock(POP3Object *self, const char *wanted);

/* What is known of the stream behind `file`, which .file is. */
struct step *pop3_step_of(POP3Object *self, PyObject *file);

#endif
