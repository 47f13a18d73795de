#include "binding/base/lock.h"

#include <assert.h>

#include "core/net/timeout.h"

/* --- locks -------------------------------------------------------------- */

/* The longest wait for a lock while the interpreter exits. */
#define EXIT_WAIT_NS INT64_C(1000000000)
#define MICROSECONDS_PER_MS 1000

/* A thread that waits for a lock.  On the heap, because a thread that ends
   with the interpreter loses its frame.  After a fork, entries with an older
   count belong to threads of the parent. */
struct lock_wait {
    unsigned int forks;
    uint64_t thread;
    const struct lock *lock;
    struct lock_wait *next;
};

/* Unlike PyThread_get_thread_ident(), the ID of a thread that a fork lost is
   not reused.  It is never 0. */
static uint64_t
this_thread(void)
{
    return PyThreadState_GetID(PyThreadState_Get());
}

static uint64_t
owner_of(const struct lock *lock)
{
    return atomic_load_explicit(&lock->owner, memory_order_acquire);
}

static unsigned int
forks_of(const struct lock *lock)
{
    return atomic_load_explicit(&lock->forks, memory_order_relaxed);
}

/* Records that the lock has changed hands; owner 0 for nobody. */
static void
set_owner(struct lock *lock, uint64_t owner)
{
    atomic_store_explicit(&lock->forks, lock->all->forks,
                          memory_order_relaxed);
    atomic_store_explicit(&lock->owner, owner, memory_order_release);
}

void
lock_group_init(struct lock_group *all, PyObject *module)
{
    all->module = module;
}

void
lock_note_fork(struct lock_group *all)
{
    all->forks++;
    all->forker = this_thread();
}

int
lock_init(struct lock *lock, struct lock_group *all)
{
    lock->all = all;
    lock->depth = 0;
    atomic_init(&lock->owner, 0);
    atomic_init(&lock->forks, all->forks);
    lock->handle = PyThread_allocate_lock();
    if (lock->handle == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    return 0;
}

void
lock_destroy(struct lock *lock)
{
    PyThread_free_lock(lock->handle);
}

static void
begin_to_own(struct lock *lock)
{
    lock->depth = 1;
    set_owner(lock, this_thread());
}

bool
lock_try(struct lock *lock)
{
    if (lock_is_mine(lock)) {
        lock->depth++;
        return true;
    }
    if (!PyThread_acquire_lock(lock->handle, NOWAIT_LOCK)) {
        return false;
    }
    begin_to_own(lock);
    return true;
}

/* Returns the lock that the thread waits for, or NULL.  Needs the module's
   critical section. */
static const struct lock *
awaited_by(const struct lock *lock, uint64_t thread)
{
    const struct lock_wait *wait = lock->all->waits;

    while (wait != NULL &&
           (wait->thread != thread || wait->forks != lock->all->forks)) {
        wait = wait->next;
    }
    return wait == NULL ? NULL : wait->lock;
}

/* Returns whether the owner waits, directly or through other threads, for a
   lock that this thread holds.  Needs the module's critical section. */
static bool
waits_for_me(const struct lock *lock)
{
    while (lock != NULL && lock_is_held(lock)) {
        /* The owner may release the lock meanwhile. */
        uint64_t owner = owner_of(lock);

        if (owner == this_thread()) {
            return true;
        }
        lock = awaited_by(lock, owner);
    }
    return false;
}

/* Waits detached.  While the interpreter exits the wait has a
   limit, because threads that end with it keep their locks. */
static PyLockStatus
wait_detached(struct lock *lock, struct pop_timeout *timeout)
{
    PY_TIMEOUT_T limit = -1;
    PyLockStatus status;

    if (Py_IsFinalizing()) {
        limit = (PY_TIMEOUT_T)pop_timeout_poll_ms(timeout) *
                MICROSECONDS_PER_MS;
    }
    Py_BEGIN_ALLOW_THREADS
    status = PyThread_acquire_lock_timed(lock->handle, limit, 1);
    Py_END_ALLOW_THREADS
    return status;
}

/* Lists the wait in the group unless the owner waits for this thread.  Both
   happen in one step: of two threads that begin to wait for each other, the
   second one finds the first.  Returns false if the wait could not end. */
static bool
begin_wait(struct lock *lock, struct lock_wait *wait)
{
    struct lock_group *all = lock->all;
    bool begins;

    wait->forks = all->forks;
    wait->thread = this_thread();
    wait->lock = lock;
    Py_BEGIN_CRITICAL_SECTION(all->module);
    begins = !waits_for_me(lock);
    if (begins) {
        wait->next = all->waits;
        all->waits = wait;
    }
    Py_END_CRITICAL_SECTION();
    return begins;
}

static void
end_wait(struct lock *lock, struct lock_wait *wait)
{
    struct lock_wait **link = &lock->all->waits;

    Py_BEGIN_CRITICAL_SECTION(lock->all->module);
    while (*link != wait) {
        link = &(*link)->next;
    }
    *link = wait->next;
    Py_END_CRITICAL_SECTION();
}

/* Waits once, listed in the group's waits, and sets *status.  Returns -1 and
   an exception. */
static int
wait_a_while(struct lock *lock, struct pop_timeout *timeout,
             PyLockStatus *status)
{
    struct lock_wait *wait = PyMem_Malloc(sizeof(*wait));
    int failed = 0;

    if (wait == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    if (begin_wait(lock, wait)) {
        *status = wait_detached(lock, timeout);
        end_wait(lock, wait);
    }
    else {
        PyErr_SetString(PyExc_RuntimeError,
                        "reentrant call inside a read or write that "
                        "another thread waits for");
        failed = -1;
    }
    PyMem_Free(wait);
    return failed;
}

/* Waits until the lock is taken; returns -1 and an exception.  Runs signal
   handlers while this thread is not listed as waiting, because it is running
   then. */
static int
wait_for_lock(struct lock *lock)
{
    struct pop_timeout timeout;

    pop_timeout_set(&timeout, EXIT_WAIT_NS);
    for (;;) {
        PyLockStatus status;

        if (wait_a_while(lock, &timeout, &status) < 0) {
            return -1;
        }
        switch (status) {
        case PY_LOCK_ACQUIRED:
            return 0;
        case PY_LOCK_FAILURE:
            PyErr_SetString(PyExc_RuntimeError,
                            "the connection is in use by a thread that ended "
                            "with the interpreter");
            return -1;
        case PY_LOCK_INTR:
            break;
        }
        if (PyErr_CheckSignals() < 0) {
            return -1;
        }
    }
}

/* Returns whether a fork lost the owner.  No owner with an old count: the fork
   came between taking the lock and recording the owner. */
static bool
is_lost(const struct lock *lock)
{
    return forks_of(lock) != lock->all->forks &&
           owner_of(lock) != lock->all->forker;
}

int
lock_acquire(struct lock *lock)
{
    if (lock_try(lock)) {
        return 0;
    }
    if (is_lost(lock)) {
        PyErr_SetString(PyExc_RuntimeError,
                        "the connection was in use by another thread when "
                        "this process was forked");
        return -1;
    }
    if (wait_for_lock(lock) < 0) {
        return -1;
    }
    begin_to_own(lock);
    return 0;
}

void
lock_release(struct lock *lock)
{
    assert(lock_is_mine(lock));
    lock->depth--;
    if (lock->depth == 0) {
        set_owner(lock, 0);
        PyThread_release_lock(lock->handle);
    }
}

bool
lock_is_mine(const struct lock *lock)
{
    uint64_t owner = owner_of(lock);

    return owner != 0 && owner == this_thread();
}

bool
lock_is_abandoned(const struct lock *lock)
{
    return owner_of(lock) != 0 && is_lost(lock);
}

bool
lock_is_held(const struct lock *lock)
{
    return owner_of(lock) != 0 && !is_lost(lock);
}

/* --- operations ---------------------------------------------------------- */

static enum pop_status
call_detached(lock_function function, void *argument, struct pop_error *error)
{
    enum pop_status status;

    Py_BEGIN_ALLOW_THREADS
    status = function(argument, error);
    Py_END_ALLOW_THREADS
    return status;
}

static enum pop_status
repeat(lock_function function, void *argument, bool needs_gil,
       struct pop_error *error)
{
    for (;;) {
        enum pop_status status;

        status = needs_gil ? function(argument, error)
                           : call_detached(function, argument, error);
        if (status != POP_INTERRUPTED) {
            return status;
        }
        if (PyErr_CheckSignals() < 0) {
            return POP_HOST;
        }
    }
}

enum pop_status
lock_call_detached(lock_function function, void *argument,
                   struct pop_error *error)
{
    return repeat(function, argument, false, error);
}

struct link_call {
    struct pop_link *link;
    lock_operation operation;
};

static enum pop_status
call_on_link(void *argument, struct pop_error *error)
{
    struct link_call *call = argument;

    return call->operation(call->link, error);
}

enum pop_status
lock_run_detached(struct pop_link *link, lock_operation operation,
                  struct pop_error *error)
{
    struct link_call call = {link, operation};
    enum pop_status status;

    if (link->is_polled) {
        return call_detached(call_on_link, &call, error);
    }
    status = repeat(call_on_link, &call, link->transport->ops->needs_gil,
                    error);
    if (status == POP_HOST) {
        link->resuming = false;
    }
    return status;
}
