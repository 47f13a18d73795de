/* Locks that threads wait for interruptibly, and I/O detached from the
   interpreter: without the GIL, and with critical sections suspended.  The
   only file that detaches.  Calls core/net. */

#ifndef BINDING_LOCK_H
#define BINDING_LOCK_H

#include <stdbool.h>

#include "binding/base/pycompat.h"
#include "core/net/link.h"

struct lock_wait;

/* Shared by all locks of one module. */
struct lock_group {
    PyObject *module;        /* borrowed; its section guards `waits` */
    struct lock_wait *waits; /* one for each waiting thread */
    unsigned int forks;      /* counted by lock_note_fork() */
    uint64_t forker;         /* the thread that survived the last fork */
};

/* A recursive lock.  Other threads than the owner read `owner` and `forks`
   alone. */
struct lock {
    PyThread_type_lock handle;
    _Atomic uint64_t owner;     /* a thread state's ID; 0 while free */
    _Atomic unsigned int forks; /* group's count at the last change */
    unsigned int depth;
    struct lock_group *all;
};

/* Counts a fork.  Called in the child by the thread that forked, before it
   uses a lock. */
void lock_note_fork(struct lock_group *all);

/* Initialises a group with the module that owns it. */
void lock_group_init(struct lock_group *all, PyObject *module);

/* Returns -1 and raises MemoryError. */
int lock_init(struct lock *lock, struct lock_group *all);

void lock_destroy(struct lock *lock);

/* Takes the lock if it is free or the calling thread holds it. */
bool lock_try(struct lock *lock);

/* Takes the lock; waits detached, and runs signal handlers.  Returns -1,
   without the lock, if a handler raised.  Raises RuntimeError if the wait
   could not end: the owner waits for this thread (a deadlock), the interpreter
   exits and has stopped the owner, or the lock is abandoned. */
int lock_acquire(struct lock *lock);

void lock_release(struct lock *lock);

/* Returns whether the calling thread holds the lock. */
bool lock_is_mine(const struct lock *lock);

/* Returns whether a thread of this process holds the lock. */
bool lock_is_held(const struct lock *lock);

/* Returns whether the owner is a thread of the parent process, lost in a fork.
   The data under the lock may be inconsistent. */
bool lock_is_abandoned(const struct lock *lock);

/* pop_link_flush, pop_link_exchange, pop_link_fill or pop_link_pump. */
typedef enum pop_status (*lock_operation)(struct pop_link *link,
                                          struct pop_error *error);

/* Runs the operation detached, unless the link's transport needs the GIL.  On
   EINTR runs signal handlers and resumes with the remaining time (PEP 475).
   Returns POP_HOST if a handler raised.  Calls the operation of a link that
   is_polled once. */
enum pop_status lock_run_detached(struct pop_link *link,
                                  lock_operation operation,
                                  struct pop_error *error);

/* A blocking function of core/ that never needs the GIL. */
typedef enum pop_status (*lock_function)(void *argument,
                                         struct pop_error *error);

/* Runs the function detached; handles EINTR like lock_run_detached(). */
enum pop_status lock_call_detached(lock_function function, void *argument,
                                   struct pop_error *error);

#endif
