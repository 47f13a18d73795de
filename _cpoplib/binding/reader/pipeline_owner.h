/* Who is told of the reply to a command that was sent ahead. */

#ifndef BINDING_PIPELINE_OWNER_H
#define BINDING_PIPELINE_OWNER_H

#include <stdbool.h>

#include "binding/base/pycompat.h"

struct pipeline_owner {
    /* `value`, whose reference is stolen, is the response (bytes), the message
       (bytes), or poplib's tuple; or, if it has failed, the exception. */
    void (*answer)(struct pipeline_owner *owner, PyObject *value, bool failed);
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

#endif
