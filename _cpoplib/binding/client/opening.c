#include "binding/client/opening.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "binding/base/errors.h"

/* Replaces the watched descriptor. */
static void
replace(struct opening *self, int fd)
{
    if (self->fd >= 0) {
        (void)close(self->fd);
    }
    self->fd = fd;
}

void
opening_begin(POP3Object *self)
{
    struct opening *opening = &self->opening;

    GUARD_BEGIN(self)
    if (opening->constructors++ == 0) {
        opening->thread = PyThread_get_thread_ident();
        opening->is_closed = false;
        opening->fd = -1;
    }
    GUARD_END()
}

/* Raises ConnectionAbortedError in place of the pending exception. */
static void
explain(void)
{
    PyObject *pending;

    if (!PyErr_ExceptionMatches(PyExc_Exception)) {
        return;
    }
    pending = PyErr_GetRaisedException();
    errors_raise_closed_meanwhile();
    if (PyObject_TypeCheck(pending,
                           (PyTypeObject *)PyExc_ConnectionAbortedError)) {
        Py_DECREF(pending);
    }
    else {
        errors_chain(pending);
    }
}

int
opening_end(POP3Object *self, int failed)
{
    struct opening *opening = &self->opening;
    bool is_closed;

    GUARD_BEGIN(self)
    is_closed = opening->is_closed;
    if (--opening->constructors == 0) {
        replace(opening, -1);
    }
    GUARD_END()
    if (failed < 0 && is_closed) {
        explain();
    }
    return failed;
}

int
opening_check(POP3Object *self)
{
    bool is_closed;

    GUARD_BEGIN(self)
    is_closed = self->opening.constructors > 0 && self->opening.is_closed;
    GUARD_END()
    if (is_closed) {
        errors_raise_closed_meanwhile();
    }
    return is_closed ? -1 : 0;
}

int
opening_watch(POP3Object *self, int fd)
{
    GUARD_BEGIN(self)
    if (self->opening.constructors > 0) {
        /* Without a free descriptor the step goes on unwatched. */
        replace(&self->opening, fcntl(fd, F_DUPFD_CLOEXEC, 0));
    }
    GUARD_END()
    return opening_check(self);
}

bool
opening_close(POP3Object *self)
{
    struct opening *opening = &self->opening;
    bool is_other;

    GUARD_BEGIN(self)
    is_other = opening->constructors > 0 &&
               opening->thread != PyThread_get_thread_ident();
    if (is_other) {
        opening->is_closed = true;
        if (opening->fd >= 0) {
            (void)shutdown(opening->fd, SHUT_RDWR);
        }
    }
    GUARD_END()
    return is_other;
}
