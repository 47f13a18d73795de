/* The iterator that retr_many(), top_many() and dele_many() return.

   Calls messages.h, dialogue, the client, the Reader and base. */

#ifndef BINDING_BULK_ITERATOR_H
#define BINDING_BULK_ITERATOR_H

#include "binding/reader/requests.h"
#include "binding/reader/stream.h"

typedef struct BulkIteratorObject BulkIteratorObject;

/* Sends requests, and receives until a result is ready or no reply is pending.
   Returns enum bulk_result without BULK_READY; BULK_FAILED with an exception
   that is not about one message. */
typedef int (*bulk_turn)(BulkIteratorObject *self);

enum bulk_result {
    BULK_FAILED = STREAM_FAILED, /* an exception is pending */
    BULK_END = STREAM_DONE,
    BULK_WAITS = STREAM_WAITS, /* the turn is to be repeated after a wait */
    BULK_READY                 /* a result is ready */
};

struct BulkIteratorObject {
    GUARD_HEAD
    PyObject *client;           /* the connection; NULL after the end */
    struct module_state *state; /* of the client */
    bulk_turn turn;
    PyObject *numbers; /* an iterator; NULL after its end */
    PyObject *failure; /* raised after all answers, or NULL */
    PyObject *second;  /* after the number in each line, or NULL */
    struct requests requests;
    size_t deletions;    /* among the requests */
    size_t window;       /* messages requested ahead, at most */
    bool deletes;        /* sends DELE after each message */
    bool returns_errors; /* as results */
    bool ahead;          /* requests were sent ahead, or will be */
    bool running;        /* inside next(), which may run Python code */
    bool broken;         /* sends nothing more: see `failure` */
};

#define BULK_ITERATOR(op) ((BulkIteratorObject *)(op))

/* The type poplib_c.ManyIterator. */
extern PyType_Spec bulk_iterator_spec;

/* The turn of a POP3Object; takes the command lock. */
int bulk_iterator_turn(BulkIteratorObject *self);

/* What makes the iterators of one connection. */
struct bulk_source {
    PyObject *client;
    PyObject *guard;            /* of the client */
    struct module_state *state; /* of the client */
    bulk_turn turn;
    bool ahead; /* commands may be sent ahead */
};

/* Returns an iterator over (number, answer) with the default options, or NULL
   and an exception.  `numbers` is any iterable, `form` that of the answers.
   str(second) follows each number, unless it is NULL. */
PyObject *bulk_iterator_new(const struct bulk_source *source,
                            PyObject *numbers, enum pop_verb verb,
                            enum pop_reply_form form, PyObject *second);

/* Returns an iterator for the arguments of retr_many(), top_many() or
   dele_many(), which the verb tells apart; or NULL and an exception. */
PyObject *bulk_start(const struct bulk_source *source, enum pop_verb verb,
                     PyObject **values);

/* Returns (number, answer).  Returns NULL and an exception, or sets *result to
   BULK_END or BULK_WAITS. */
PyObject *bulk_iterator_next(BulkIteratorObject *self, int *result);

/* For turns: */

/* Returns whether a result is ready.  Frees answers to deletions, which are
   results only if they are refusals. */
bool bulk_iterator_has_answer(BulkIteratorObject *self);

/* Returns whether the server must have proved that it keeps the order: the
   requests delete messages. */
bool bulk_iterator_deletes(const BulkIteratorObject *self);

/* Returns whether the next request, of which there is one, is to be sent
   although commands can't be sent ahead of the replies to others. */
bool bulk_iterator_asks_alone(BulkIteratorObject *self);

/* Returns whether the next request, of which there is one, may be sent ahead
   now. */
bool bulk_iterator_may_ask(const BulkIteratorObject *self,
                           const ReaderObject *reader);

/* Returns whether all pending replies have to be received before the next
   request, of which there is one, is sent ahead. */
bool bulk_iterator_must_receive(const BulkIteratorObject *self,
                                const ReaderObject *reader);

/* Returns whether one reply too many may still come: all results were
   returned, and nothing else is pending. */
bool bulk_iterator_has_ended(const BulkIteratorObject *self,
                             const ReaderObject *reader);

#endif
