/* Requests for messages that are sent ahead of the replies to others, and
   their answers.  This file sends nothing, and receives nothing: the commands
   are those of dialogue/pipeline_ask.c, the answers come from
   dialogue/pipeline.c. */

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

/* The requests of one owner, in order: those of `answered` come before those
   of `sent`, and those before the ones of `unsent`.  All zero is an empty
   queue whose command is given next. */
struct requests {
    enum pop_verb verb;
    PyObject *second;         /* str, behind each number; borrowed, or NULL */
    enum pop_reply_form form; /* what the replies have, unless to DELE */
    bool is_silent;           /* the owner announces the lines itself */
    bool keeps_errors;        /* what is about one number is its answer */
    ReaderObject *reader;     /* the answers come from it; NULL at first */
    size_t dropped;           /* replies to come first, which nobody wants */
    struct request_list answered;
    struct request_list sent;
    struct request_list unsent;
};

/* Answers that nobody is told of yet: see dialogue/held.h. */
struct held {
    long long number; /* of the first message */
    size_t count;
    struct {
        struct requests *owner; /* NULL: nobody */
        PyObject *value;
        bool failed;
    } answers[];
};

void requests_put(struct request_list *list, struct request *request);
void requests_put_back(struct request_list *list, struct request *request);

/* The first one, which is the caller's from here on; NULL if there is none. */
struct request *requests_take(struct request_list *list);

/* Frees one that is in no list. */
void requests_free(struct request *request);

/* Frees all of them. */
void requests_empty(struct request_list *list);

/* One more that is to be sent.  Steals the number.  -1, with the exception if
   that is NULL, or MemoryError. */
int requests_add(struct requests *self, PyObject *number);

/* Answers a request that is in no list, and will not be sent: it is the next
   one behind those that were.  The reference is stolen. */
void requests_answer_unsent(struct requests *self, struct request *request,
                            PyObject *value, bool failed);

/* Answers the first one that was sent; `self` may be NULL, for nobody.  The
   reference is stolen. */
void requests_answer(struct requests *self, PyObject *value, bool failed);

/* The reply that was begun is over: its owner is told, at once or with all
   that are held.  The reference is stolen. */
void requests_tell(ReaderObject *reader, PyObject *value, bool failed);

/* Nobody is told any more of what was sent through the Reader: it is received
   and dropped when it is its turn. */
void requests_disown(ReaderObject *reader, const struct requests *self);

/* Nothing more is to come, but for what was answered.  Unless `failure` is
   NULL, it answers the first one that was sent; its reference is stolen. */
void requests_end(struct requests *self, PyObject *failure);

/* Forgets what was answered, and what was sent.  What is to come is received
   whole all the same, however large it is, one reply at a time: the owner goes
   on. */
void requests_forget(struct requests *self);

/* Forgets all of them, and the Reader; what is to come is nobody's. */
void requests_clear(struct requests *self);

int requests_traverse(const struct requests *self, visitproc visit, void *arg);

size_t requests_count(const struct requests *self);

/* Octets of memory. */
size_t requests_size(const struct requests *self);

#endif
