/* Who is told of the reply to a command that was sent ahead, at once or when
   it is no longer held back.

   Calls the Reader and core/proto. */

#ifndef BINDING_PIPELINE_OWNER_H
#define BINDING_PIPELINE_OWNER_H

#include <stdbool.h>

#include "binding/reader/reader.h"

struct pipeline_owner {
    /* `value`, whose reference is stolen, is the response (bytes), the message
       (bytes), or poplib's tuple; or, if it has failed, the exception. */
    void (*answer)(struct pipeline_owner *owner, PyObject *value, bool failed);
};

/* Answers that are held back: see dialogue/held.h. */
struct held_answer {
    struct pipeline_owner *owner; /* NULL: nobody */
    PyObject *value;
    bool failed;
};

struct held {
    long long number; /* of the first message */
    size_t count;
    struct held_answer answers[];
};

/* Tells the owner, or nobody if that is NULL; steals the reference. */
static inline void
pipeline_owner_tell(struct pipeline_owner *owner, PyObject *value, bool failed)
{
    if (owner == NULL) {
        Py_DECREF(value);
    }
    else {
        owner->answer(owner, value, failed);
    }
}

/* The owner, which may be about to be freed, is told of no reply from here on:
   each is received and dropped when it is its turn.  Nothing is received now.
   No lock is needed. */
void pipeline_owner_gone(ReaderObject *reader,
                         const struct pipeline_owner *owner);

#endif
