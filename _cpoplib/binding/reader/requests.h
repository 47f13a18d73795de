/* What an iterator over many messages has asked for, in order: first what has
   been answered, then what has not. */

#ifndef BINDING_REQUESTS_H
#define BINDING_REQUESTS_H

#include <stdbool.h>

#include "binding/base/pycompat.h"

struct slot {
    PyObject *number;
    PyObject *value;  /* or the exception; NULL: not answered yet */
    bool failed;      /* it is the exception */
    bool is_deletion; /* of a message that was given out */
};

struct slots {
    struct slot *ring;
    size_t capacity;
    size_t head;
    size_t count;
    size_t ready;    /* the first ones, which are answered */
    size_t messages; /* those that are no deletions */
};

void bulk_slots_init(struct slots *slots);

int bulk_slots_traverse(const struct slots *slots, visitproc visit, void *arg);

/* Octets of memory. */
size_t bulk_slots_size(const struct slots *slots);

/* Forgets them all, and frees the memory. */
void bulk_slots_clear(struct slots *slots);

/* Forgets those that are not answered. */
void bulk_slots_forget_unanswered(struct slots *slots);

/* Makes room for one more.  -1 and MemoryError. */
int bulk_slots_reserve(struct slots *slots);

/* Adds one that is not answered, for which there is room. */
void bulk_slots_add(struct slots *slots, PyObject *number, bool is_deletion);

/* Answers the first one that is not; the reference is stolen. */
void bulk_slots_answer(struct slots *slots, PyObject *value, bool failed);

/* The last one is answered, before those in front of it; likewise. */
void bulk_slots_answer_last(struct slots *slots, PyObject *value, bool failed);

/* Takes the first one, which is answered; its references are the caller's. */
struct slot bulk_slots_take(struct slots *slots);

/* Takes the first one, which is answered, and forgets it. */
void bulk_slots_drop(struct slots *slots);

/* Whether the first one is answered and of interest; deletions that were not
   refused are taken away until then. */
bool bulk_slots_find_result(struct slots *slots);

/* The first one; valid until one is added. */
const struct slot *bulk_slots_first(const struct slots *slots);

#endif
