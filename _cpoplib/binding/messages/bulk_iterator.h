/* The type of what retr_many(), top_many() and dele_many() return. */

#ifndef BINDING_BULK_ITERATOR_H
#define BINDING_BULK_ITERATOR_H

#include "binding/dialogue/pipeline.h"
#include "binding/reader/requests.h"

struct bulk_iterator_options {
    const char *verb;    /* "RETR"; static text */
    PyObject *suffix;    /* behind the number, str; borrowed */
    bool multiline;      /* its reply has lines: it is a message */
    bool as_lines;       /* poplib's tuple, not bytes */
    bool deletes;        /* what the caller has come back from */
    bool returns_errors; /* in the message's place */
    size_t window;       /* messages that are asked for ahead */
};

typedef struct {
    PyObject_HEAD
    struct pipeline_owner owner;
    POP3Object *client; /* NULL: it is over */
    PyObject *numbers;  /* an iterator; NULL: exhausted */
    PyObject *failure;  /* what that has raised; NULL */
    PyObject *pulled;   /* a list: from numbers, not asked for yet */
    PyObject *due;      /* a number: to be deleted; NULL */
    const char *verb;
    PyObject *suffix;     /* of each command line, str */
    ReaderObject *reader; /* what the answers come from; NULL at first */
    struct slots slots;
    size_t window;
    bool multiline;
    bool as_lines;
    bool deletes;
    bool returns_errors;
    bool ahead;   /* commands went ahead the last time; or will */
    bool running; /* in next(), which may call Python code */
    bool broken;  /* nothing is asked for any more, failure says why */
} BulkIteratorObject;

#define BULK_ITERATOR(op) ((BulkIteratorObject *)(op))

/* A new type poplib_c.ManyIterator, or NULL. */
PyTypeObject *bulk_iterator_new_type(PyObject *module);

/* An iterator over (number, answer) for the numbers, which may be any
   iterable; NULL and an exception. */
PyObject *bulk_iterator_new(POP3Object *client, PyObject *numbers,
                            const struct bulk_iterator_options *options);

#endif
