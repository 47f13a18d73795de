/* Raises exceptions: translates enum pop_status, and keeps, chains and clears
   pending exceptions.  No other file translates a status.  Calls state,
   package and core/tls/tls_error.  All functions need an attached thread. */

#ifndef BINDING_ERRORS_H
#define BINDING_ERRORS_H

#include <stdbool.h>

#include "binding/base/state.h"
#include "core/proto/status.h"

/* Raises error_proto(text), for a fault that the client found. */
void errors_raise_proto(struct module_state *state, const char *text);

/* Raises error_proto(response), for a reply (bytes) that is not +OK. */
void errors_raise_response(struct module_state *state, PyObject *response);

/* Raises error_proto: the stream is out of step, because of `why`.  `detail`
   (bytes, or NULL) is quoted in the text. */
void errors_raise_out_of_step(struct module_state *state, const char *why,
                              PyObject *detail);

/* Raises error_proto with the attribute `number`: the end of that message is
   uncertain, because other commands were sent ahead. */
void errors_raise_uncertain(struct module_state *state, long long number);

/* Raises error_proto: the reply has more octets than max_size. */
void errors_raise_too_large(struct module_state *state, size_t limit);

/* Raises OSError, as socket.SocketIO does for reads after a timeout. */
void errors_raise_timed_out_object(void);

/* Raises ConnectionAbortedError: another thread or a signal handler closed the
   connection during a call. */
void errors_raise_closed_meanwhile(void);

/* Clears the pending exception and returns 0 if it matches `type` (a type or a
   tuple of types); else keeps it and returns -1. */
int errors_clear(PyObject *type);

/* Releases the result of a call.  Returns 0, or -1 with the exception if it is
   NULL. */
static inline int
errors_drop_result(PyObject *result)
{
    Py_XDECREF(result);
    return result == NULL ? -1 : 0;
}

/* Releases the result of a call.  Returns its truth, or -1 with the exception
   if it is NULL. */
static inline int
errors_drop_truth(PyObject *result)
{
    int truth = result == NULL ? -1 : PyObject_IsTrue(result);

    Py_XDECREF(result);
    return truth;
}

/* Returns -1 and raises RuntimeError if this thread `is_inside` the object. */
static inline int
errors_check_outside(PyObject *object, bool is_inside)
{
    if (is_inside) {
        PyErr_Format(PyExc_RuntimeError, "reentrant call inside %R", object);
    }
    return is_inside ? -1 : 0;
}

/* Raises OSError: recv_into() returned an impossible length. */
void errors_raise_bad_length(Py_ssize_t length, Py_ssize_t room);

/* Returns socket.timeout (borrowed), or NULL and an exception. */
PyObject *errors_socket_timeout(struct module_state *state);

/* Returns whether the pending exception is socket.timeout; TimeoutError from
   Python 3.10 on. */
bool errors_is_socket_timeout(struct module_state *state);

/* Returns whether the pending exception is BlockingIOError or
   ssl.SSLWantReadError. */
bool errors_is_would_block(struct module_state *state);

/* Returns errno of the pending exception if it matches `type`, else 0.  The
   exception stays pending. */
int errors_pending_errno(PyObject *type);

/* Returns whether the pending exception is error_proto with a reply of the
   server. */
bool errors_is_refusal(struct module_state *state);

/* The exception that was being handled before errors_handle(). */
struct errors_handling {
    PyObject *type;
    PyObject *value;
    PyObject *traceback;
};

/* Enters an `except` block for `exception`: it becomes the context of what is
   raised until errors_handled(). */
void errors_handle(struct errors_handling *before, PyObject *exception);

void errors_handled(struct errors_handling *before);

/* Makes `context` (stolen) the context of the pending exception. */
void errors_chain(PyObject *context);

/* Restores `pending` (stolen) and drops an exception of the cleanup.  If that
   one is no subclass of Exception (KeyboardInterrupt), it stays, and `pending`
   becomes its context. */
void errors_raise_again(PyObject *pending);

/* Passes the pending exception to sys.unraisablehook.  Keeps it if
   errors_raise_again(earlier) would raise it.  `earlier` may be NULL. */
void errors_report(PyObject *where, PyObject *earlier);

/* Raises the exception of a status other than POP_OK:

   POP_EOF, POP_TOO_LONG       error_proto with poplib's text
   POP_TIMEOUT, POP_DEADLINE   socket.timeout
   POP_SYSTEM                  OSError
   TLS                         ssl.SSLError or a subclass, as ssl raises them
   POP_HOST                    the exception that is already pending

   `error` may be NULL for a status that has no details. */
void errors_raise(struct module_state *state, enum pop_status status,
                  const struct pop_error *error);

/* Calls errors_raise() and returns -1, or returns 0 for POP_OK. */
static inline int
errors_check(struct module_state *state, enum pop_status status,
             const struct pop_error *error)
{
    if (status == POP_OK) {
        return 0;
    }
    errors_raise(state, status, error);
    return -1;
}

#endif
