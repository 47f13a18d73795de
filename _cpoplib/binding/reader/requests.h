/* A queue of requests that are sent ahead of the replies to others, and their
   answers.  It does no I/O: dialogue/pipeline_ask.c sends the commands,
   dialogue/pipeline.c receives the answers.

   Calls core/proto. */

#ifndef BINDING_REQUESTS_H
#define BINDING_REQUESTS_H

#include "binding/reader/reader.h"
#include "core/proto/command.h"

struct request {
    struct request *next;
    PyObject *number; /* of the message, as it was given */
    PyObject *value;  /* the answer; NULL: there is none yet */
    bool failed;      /* the answer is an exception */
    bool is_deletion; /* DELE, whatever the others of the queue are */
};

struct request_list {
    struct request *first;
    struct request *last;
    size_t count;
};

/* The requests of one owner, in order: first those of `answered`, then those
   of `sent`, then those of `unsent`.  A struct of zeros is an empty queue. */
struct requests {
    enum pop_verb verb;
    PyObject *second;         /* str, after each number; borrowed, or NULL */
    enum pop_reply_form form; /* what the replies have, unless to DELE */
    bool is_silent;           /* the owner announces the lines itself */
    bool keeps_errors;        /* an error about one number is its answer */
    ReaderObject *reader;     /* the answers come from it; NULL at first */
    size_t dropped;           /* that many replies are dropped first */
    struct request_list answered;
    struct request_list sent;
    struct request_list unsent;
};

/* Answers that are held back: see dialogue/held.h. */
struct held {
    long long number; /* of the first message */
    size_t count;
    struct {
        struct requests *owner; /* NULL: there is none */
        PyObject *value;
        bool failed;
    } answers[];
};

void requests_put(struct request_list *list, struct request *request);
void requests_put_back(struct request_list *list, struct request *request);

/* Removes the first one, which the caller owns then; NULL if there is none. */
struct request *requests_take(struct request_list *list);

/* Frees one that is in no list. */
void requests_free(struct request *request);

/* Frees all of them. */
void requests_empty(struct request_list *list);

/* Adds a request to `unsent`.  Steals the number.  0, or -1: the exception is
   pending if the number is NULL; otherwise MemoryError. */
int requests_add(struct requests *self, PyObject *number);

/* Answers a request that is in no list, and is not sent: it follows those that
   were.  Steals the value. */
void requests_answer_unsent(struct requests *self, struct request *request,
                            PyObject *value, bool failed);

/* Answers the first request of `sent`; drops the value if `self` is NULL.
   Steals the value. */
void requests_answer(struct requests *self, PyObject *value, bool failed);

/* The reply that was begun is over: answers its owner, at once or with all
   answers that are held back.  Steals the value. */
void requests_tell(ReaderObject *reader, PyObject *value, bool failed);

/* Takes the owner out of all that is to come from the Reader: those replies
   are received and dropped when it is their turn.  Receives nothing now.  No
   lock is needed. */
void requests_disown(ReaderObject *reader, const struct requests *self);

/* Keeps only what was answered, and disowns the rest.  If `failure` is not
   NULL, it answers the first request of `sent`; steals it. */
void requests_end(struct requests *self, PyObject *failure);

/* Frees what was answered, and what was sent.  The replies that are to come
   are still received whole, however large they are, one at a time: the owner
   goes on. */
void requests_forget(struct requests *self);

/* Frees all requests, disowns them, and releases the Reader. */
void requests_clear(struct requests *self);

int requests_traverse(const struct requests *self, visitproc visit, void *arg);

size_t requests_count(const struct requests *self);

/* Octets of memory. */
size_t requests_size(const struct requests *self);

#endif
