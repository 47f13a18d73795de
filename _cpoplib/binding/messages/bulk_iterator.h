/* The iterator that retr_many(), top_many() and dele_many() return.

   Calls retr_bytes.h, dialogue, the client, the Reader and base. */

#ifndef BINDING_BULK_ITERATOR_H
#define BINDING_BULK_ITERATOR_H

#include "binding/client/pop3.h"

typedef struct {
    PyObject_HEAD
    POP3Object *client; /* NULL: it is over */
    PyObject *numbers;  /* an iterator; NULL: exhausted */
    PyObject *failure;  /* raised after all answers; NULL */
    PyObject *second;   /* after the number in each command line; NULL */
    struct requests requests;
    size_t deletions;    /* among the requests */
    size_t window;       /* messages that are asked for ahead */
    bool deletes;        /* DELE for what the caller has come back from */
    bool returns_errors; /* as results */
    bool ahead;          /* commands went ahead the last time; or will */
    bool running;        /* in next(), which may call Python code */
    bool broken;         /* nothing more is sent: see failure */
} BulkIteratorObject;

#define BULK_ITERATOR(op) ((BulkIteratorObject *)(op))

/* A new type poplib_c.ManyIterator, or NULL. */
PyTypeObject *bulk_iterator_new_type(PyObject *module);

/* An iterator over (number, answer) for the numbers, which may be any
   iterable, with the default options; NULL and an exception.  `form` is that
   of the answers.  str(second) follows each number, unless it is NULL. */
PyObject *bulk_iterator_new(POP3Object *client, PyObject *numbers,
                            enum pop_verb verb, enum pop_reply_form form,
                            PyObject *second);

#endif
