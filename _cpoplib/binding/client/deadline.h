/* Deadlines of a whole session and of `with` blocks within it.  Calls pop3,
   socket/python_socket, base and core/net. */

#ifndef BINDING_DEADLINE_H
#define BINDING_DEADLINE_H

#include "binding/client/pop3.h"
#include "binding/socket/python_socket.h"
#include "core/net/deadline.h"

/* For docstrings of the constructors, after OPTIONS_SIGNATURE. */
#define DEADLINE_SIGNATURE ", deadline=None"

struct deadline_block;

/* Deadlines of one connection.  The guard owns them; Readers use
   `earliest`. */
struct deadlines {
    struct pop_deadline earliest;  /* of the others */
    struct pop_deadline session;   /* constructor's `deadline` */
    struct deadline_block *blocks; /* blocks entered */
    bool is_begun; /* a subclass's constructor has called deadline_begin() */
#ifdef Py_GIL_DISABLED
    struct guard_link link;
#endif
};

/* Returns a new guard of a connection, with deadlines none of which is set; or
   NULL and an exception. */
PyObject *deadlines_new(struct module_state *state);

struct deadlines *deadlines_get(PyObject *guard);

/* Starts the session's deadline, `seconds` from now.  None means no limit;
   NULL too, unless a subclass's constructor has started one.  Returns -1 and
   raises TypeError or ValueError. */
int deadline_begin(POP3Object *self, PyObject *seconds);

/* deadline_check() of a client that has a deadline. */
int deadline_check_clock(POP3Object *self);

/* Before a command: returns -1 and raises socket.timeout if the deadline has
   passed. */
static inline int
deadline_check(POP3Object *self)
{
    return self->deadlines->earliest.at == POP_NO_DEADLINE
               ? 0
               : deadline_check_clock(self);
}

/* Before a read: returns -1 and raises socket.timeout if the deadline has
   passed. */
int deadline_check_reading(POP3Object *self);

/* Replaces a pending socket.timeout by that of the deadline, if the deadline
   has passed. */
void deadline_explain(POP3Object *self);

/* Calls python_socket_hold() with the connection's deadline. */
int deadline_hold(POP3Object *self, PyObject *sock,
                  struct python_socket_hold *hold);

/* Calls deadline_explain() and python_socket_let_go(). */
int deadline_let_go(POP3Object *self, PyObject *sock,
                    struct python_socket_hold *hold);

/* The type poplib_c.Deadline. */
extern PyType_Spec deadline_spec;

extern PyMethodDef deadline_methods[];

#endif
