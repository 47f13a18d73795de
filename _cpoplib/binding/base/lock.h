/* Waiting: the connection lock, and the release of the GIL around I/O. */

#ifndef BINDING_LOCK_H
#define BINDING_LOCK_H

#include <stdbool.h>

#include "binding/base/pycompat.h"
#include "core/net/link.h"

struct io_wait;

/* What all locks of one module have in common. */
struct io_locks {
    struct io_wait *waits; /* of all threads that wait for them */
    unsigned int forks;    /* that this process has behind it */
    uint64_t forker;       /* the only thread that came through the last one */
};

/* A lock that its owner may take again.  Fields are read and written with
   the GIL held. */
struct io_lock {
    PyThread_type_lock handle;
    uint64_t owner;     /* a thread; meaningful while depth > 0 */
    unsigned int forks; /* when it was taken or released last */
    unsigned int depth;
    struct io_locks *all;
};

/* In the child, by the thread that has forked, before any lock is asked
   for. */
void io_note_fork(struct io_locks *all);

/* 0, or -1 and MemoryError. */
int io_lock_init(struct io_lock *lock, struct io_locks *all);

void io_lock_destroy(struct io_lock *lock);

/* Takes the lock if it is free, or the calling thread's already. */
bool io_lock_try(struct io_lock *lock);

/* Waits for the lock, with the GIL released and signal handlers run.  -1 and
   an exception, and the lock is not held: a handler raised; RuntimeError if
   the wait would have no end, because the owner waits for this thread, the
   interpreter is exiting and the owner runs no more, or the lock is
   abandoned. */
int io_lock_acquire(struct io_lock *lock);

void io_lock_release(struct io_lock *lock);

/* Held by the calling thread. */
bool io_lock_is_mine(const struct io_lock *lock);

/* Held by any thread that will release it. */
bool io_lock_is_held(const struct io_lock *lock);

/* Held by a thread that a fork did not take along.  What it had in hand may
   be in any state. */
bool io_lock_is_abandoned(const struct io_lock *lock);

/* pop_link_flush, pop_link_exchange, pop_link_fill or pop_link_pump. */
typedef enum pop_status (*io_operation)(struct pop_link *link,
                                        struct pop_error *error);

/* Runs the operation, with the GIL released unless the link's transport
   needs it.  On EINTR signal handlers run and the operation goes on with the
   time it has left (PEP 475); POP_HOST if a handler raised. */
enum pop_status io_run(struct pop_link *link, io_operation operation,
                       struct pop_error *error);

/* The same for anything else that core does, which never needs the GIL. */
typedef enum pop_status (*io_function)(void *argument,
                                       struct pop_error *error);

enum pop_status io_call(io_function function, void *argument,
                        struct pop_error *error);

#endif
