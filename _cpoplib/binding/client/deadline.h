/* When a connection has to be done: deadlines of the whole session, and of
   blocks within it. */

#ifndef BINDING_DEADLINE_H
#define BINDING_DEADLINE_H

#include "binding/client/pop3.h"
#include "binding/socket/python_socket.h"
#include "core/net/deadline.h"

/* For docstrings of the constructors, behind OPTIONS_SIGNATURE. */
#define DEADLINE_SIGNATURE ", deadline=None"

struct deadline_block;

/* A connection's.  Its Readers look at `limit`, and keep what owns this. */
struct deadlines {
    struct pop_deadline limit;     /* the earliest of these: */
    struct pop_deadline session;   /* the constructor's */
    struct deadline_block *blocks; /* those that were entered */
    bool is_begun; /* by the constructor of a subclass, which goes on with that
                      of POP3 */
};

/* What owns the deadlines of one connection, at first none; or NULL and
   MemoryError. */
PyObject *deadlines_new(void);

struct deadlines *deadlines_get(PyObject *owner);

/* The constructor's argument: the session begins now, and has so many seconds
   left.  NULL and None: no limit; NULL leaves what a subclass has begun.  -1
   and TypeError or ValueError. */
int deadline_begin(POP3Object *self, PyObject *seconds);

/* deadline_check() of a client that has a deadline. */
int deadline_check_clock(POP3Object *self);

/* -1 and socket.timeout if a command would begin too late. */
static inline int
deadline_check(POP3Object *self)
{
    return self->deadlines->limit.at == POP_NO_DEADLINE
               ? 0
               : deadline_check_clock(self);
}

/* The same of a reply that is awaited. */
int deadline_check_reading(POP3Object *self);

/* Makes of the pending exception, if it is socket.timeout, that of the
   deadline, if that has passed. */
void deadline_explain(POP3Object *self);

/* While a method of the socket's is called, its timeout is no longer than what
   is left: python_socket_hold(). */
int deadline_hold(POP3Object *self, PyObject *sock,
                  struct python_socket_hold *hold);

/* Afterwards, with deadline_explain(): python_socket_let_go(). */
int deadline_let_go(POP3Object *self, PyObject *sock,
                    struct python_socket_hold *hold);

/* A new type poplib_c.Deadline, or NULL. */
PyTypeObject *deadline_new_type(PyObject *module);

extern PyMethodDef deadline_methods[];

#endif
