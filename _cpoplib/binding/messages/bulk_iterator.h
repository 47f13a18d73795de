/* The type of what retr_many(), top_many() and dele_many() return. */

#ifndef BINDING_BULK_ITERATOR_H
#define BINDING_BULK_ITERATOR_H

#include "binding/client/pop3.h"

typedef struct {
    PyObject_HEAD
    POP3Object *client; /* NULL: it is over */
    PyObject *numbers;  /* an iterator; NULL: exhausted */
    PyObject *failure;  /* raised behind all answers; NULL */
    PyObject *second;   /* behind the number of each command line; NULL */
    struct requests requests;
    size_t deletions;    /* among the requests */
    size_t window;       /* messages that are asked for ahead */
    bool deletes;        /* what the caller has come back from */
    bool returns_errors; /* in the message's place */
    bool ahead;          /* commands went ahead the last time; or will */
    bool running;        /* in next(), which may call Python code */
    bool broken;         /* nothing is asked for any more, failure says why */
} BulkIteratorObject;

#define BULK_ITERATOR(op) ((BulkIteratorObject *)(op))

/* A new type poplib_c.ManyIterator, or NULL. */
PyTypeObject *bulk_iterator_new_type(PyObject *module);

/* An iterator over (number, answer) for the numbers, which may be any
   iterable, with the default options; NULL and an exception.  `form` is that
   of the answers.  str(second) is behind each number, unless it is NULL. */
PyObject *bulk_iterator_new(POP3Object *client, PyObject *numbers,
                            enum pop_verb verb, enum pop_reply_form form,
                            PyObject *second);

#endif
