/* Waiting: the connection lock, and the release of the GIL around I/O. */

#ifndef BINDING_LOCK_H
#define BINDING_LOCK_H

#include <stdbool.h>

#include "binding/base/pycompat.h"
#include "core/net/link.h"

struct lock_wait;

/* What all locks of one module have in common. */
struct lock_group {
    struct lock_wait *waits; /* of all threads that wait for them */
    unsigned int forks;      /* that this process has behind it */
    uint64_t forker; /* the only thread that came through the last one */
};

/* A lock that its owner may take again.  Fields are read and written with
   the GIL held. */
struct lock {
    PyThread_type_lock handle;
    uint64_t owner;     /* a thread; meaningful while depth > 0 */
    unsigned int forks; /* when it was taken or released last */
    unsigned int depth;
    struct lock_group *all;
};

/* In the child, by the thread that has forked, before any lock is asked
   for. */
void lock_note_fork(struct lock_group *all);

/* 0, or -1 and MemoryError. */
int lock_init(struct lock *lock, struct lock_group *all);

void lock_destroy(struct lock *lock);

/* Takes the lock if it is free, or the calling thread's already. */
bool lock_try(struct lock *lock);

/* Waits for the lock, with the GIL released and signal handlers run.  -1 and
   an exception, and the lock is not held: a handler raised; RuntimeError if
   the wait would have no end, because the owner waits for this thread, the
   interpreter is exiting and the owner runs no more, or the lock is
   abandoned. */
int lock_acquire(struct lock *lock);

void lock_release(struct lock *lock);

/* Held by the calling thread. */
bool lock_is_mine(const struct lock *lock);

/* Held by any thread that will release it. */
bool lock_is_held(const struct lock *lock);

/* Held by a thread that a fork did not take along.  What it had in hand may
   be in any state. */
bool lock_is_abandoned(const struct lock *lock);

/* pop_link_flush, pop_link_exchange, pop_link_fill or pop_link_pump. */
typedef enum pop_status (*lock_operation)(struct pop_link *link,
                                          struct pop_error *error);

/* Runs the operation, with the GIL released unless the link's transport
   needs it.  On EINTR signal handlers run and the operation goes on with the
   time it has left (PEP 475); POP_HOST if a handler raised. */
enum pop_status lock_run_detached(struct pop_link *link,
                                  lock_operation operation,
                                  struct pop_error *error);

/* The same for anything else that core does, which never needs the GIL. */
typedef enum pop_status (*lock_function)(void *argument,
                                         struct pop_error *error);

enum pop_status lock_call_detached(lock_function function, void *argument,
                                   struct pop_error *error);

#endif
