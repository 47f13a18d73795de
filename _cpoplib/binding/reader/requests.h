/* A queue of requests that are sent ahead of the replies to others, and their
   answers.  Does no I/O: dialogue/pipeline_ask.c sends the commands,
   dialogue/pipeline.c receives the answers.

   Calls core/proto. */

#ifndef BINDING_REQUESTS_H
#define BINDING_REQUESTS_H

#include "binding/reader/reader.h"
#include "core/proto/command.h"

struct request {
    struct request *next;
    PyObject *number; /* of the message, as given by the program */
    PyObject *value;  /* the answer, or NULL before */
    bool failed;      /* the answer is an exception */
    bool is_deletion; /* DELE, whatever `verb` is */
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
    enum pop_reply_form form; /* of the replies, except to DELE */
    bool is_silent;           /* the owner announces the lines itself */
    bool keeps_errors;        /* an error about one number is its answer */
    ReaderObject *reader;     /* gives the answers; NULL at first */
    size_t dropped;           /* replies to drop before the next answer */
    struct request_list answered;
    struct request_list sent;
    struct request_list unsent;
};

/* Answers that are held back (see held.h). */
struct held {
    long long number; /* of the first message */
    size_t count;
    struct {
        struct requests *owner; /* or NULL */
        PyObject *value;
        bool failed;
    } answers[];
};

void requests_put(struct request_list *list, struct request *request);
void requests_put_back(struct request_list *list, struct request *request);

/* Removes the first request and returns it, or NULL if there is none. */
struct request *requests_take(struct request_list *list);

/* Frees a request that is in no list. */
void requests_free(struct request *request);

/* Frees all requests of the list. */
void requests_empty(struct request_list *list);

/* Adds a request to `unsent`.  Steals the number.  Returns -1 and an
   exception; that of the caller, if the number is NULL. */
int requests_add(struct requests *self, PyObject *number);

/* Answers a request that is in no list and was not sent.  Its answer comes
   after those of the requests that were.  Steals the value. */
void requests_answer_unsent(struct requests *self, struct request *request,
                            PyObject *value, bool failed);

/* Answers the first request of `sent`; drops the value if `self` is NULL.
   Steals the value. */
void requests_answer(struct requests *self, PyObject *value, bool failed);

/* Ends the reply that was begun: gives the value to its owner, now or with all
   answers that are held.  Steals the value. */
void requests_tell(ReaderObject *reader, PyObject *value, bool failed);

/* Removes the owner from all pending replies of the Reader, which are then
   dropped when they come.  Receives nothing now.  Needs no lock, but the
   section of the Reader's guard. */
void requests_disown(ReaderObject *reader, const struct requests *self);

/* Keeps what was answered, and disowns the rest.  `failure` (stolen), unless
   NULL, answers the first request of `sent`. */
void requests_end(struct requests *self, PyObject *failure);

/* Frees what was answered or sent; the queue stays usable.  The pending
   replies are still received whole, one at a time, and dropped. */
void requests_forget(struct requests *self);

/* Frees all requests, disowns them, and releases the Reader. */
void requests_clear(struct requests *self);

int requests_traverse(const struct requests *self, visitproc visit, void *arg);

static inline size_t
requests_count(const struct requests *self)
{
    return self->answered.count + self->sent.count + self->unsent.count;
}

/* Octets of memory. */
size_t requests_size(const struct requests *self);

#endif
