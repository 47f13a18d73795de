/* The iterator that retr_many(), top_many() and dele_many() return.

   Calls messages.h, dialogue, the client, the Reader and base. */

#ifndef BINDING_BULK_ITERATOR_H
#define BINDING_BULK_ITERATOR_H

#include "binding/client/pop3.h"

typedef struct {
    GUARD_HEAD
    POP3Object *client; /* NULL after the end */
    PyObject *numbers;  /* an iterator; NULL after its end */
    PyObject *failure;  /* raised after all answers, or NULL */
    PyObject *second;   /* after the number in each line, or NULL */
    struct requests requests;
    size_t deletions;    /* among the requests */
    size_t window;       /* messages requested ahead, at most */
    bool deletes;        /* sends DELE after each message */
    bool returns_errors; /* as results */
    bool ahead;          /* requests were sent ahead, or will be */
    bool running;        /* inside next(), which may run Python code */
    bool broken;         /* sends nothing more: see `failure` */
} BulkIteratorObject;

#define BULK_ITERATOR(op) ((BulkIteratorObject *)(op))

/* The type poplib_c.ManyIterator. */
extern PyType_Spec bulk_iterator_spec;

/* Returns an iterator over (number, answer) with the default options, or NULL
   and an exception.  `numbers` is any iterable, `form` that of the answers.
   str(second) follows each number, unless it is NULL. */
PyObject *bulk_iterator_new(POP3Object *client, PyObject *numbers,
                            enum pop_verb verb, enum pop_reply_form form,
                            PyObject *second);

#endif
