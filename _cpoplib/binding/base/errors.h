/* The only translator of core results into exceptions. */

#ifndef BINDING_ERRORS_H
#define BINDING_ERRORS_H

#include <stdbool.h>

#include "binding/base/state.h"
#include "core/proto/status.h"

/* error_proto(text): what the client found. */
void errors_raise_proto(struct module_state *state, const char *text);

/* error_proto(response): what the server said, bytes. */
void errors_raise_response(struct module_state *state, PyObject *response);

/* The stream position is lost; `detail` (bytes) is shown where given. */
void errors_raise_out_of_step(struct module_state *state, const char *why,
                              PyObject *detail);

/* The end of a message can't be told, since other commands are under way:
   error_proto whose attribute `number` is the message's. */
void errors_raise_uncertain(struct module_state *state, long long number);

/* The lines of a reply have more octets than are allowed. */
void errors_raise_too_large(struct module_state *state, size_t limit);

/* What the socket module's file raises for reads after a timeout. */
void errors_raise_timed_out_object(void);

/* The connection was closed by another thread, or by a signal handler, while
   this one was using it. */
void errors_raise_closed_meanwhile(void);

/* An attribute of a connection that close() has taken away. */
void errors_raise_closed(const char *missing);

/* Clears the pending exception if it is of the type, or one of a tuple: 0.
   Any other one stays: -1. */
int errors_clear(PyObject *type);

/* io.UnsupportedOperation(text). */
void errors_raise_unsupported(const char *text);

/* recv_into() of a socket-like object has returned nonsense. */
void errors_raise_bad_length(Py_ssize_t length, Py_ssize_t room);

/* write() of a file has returned nonsense. */
void errors_raise_bad_write(Py_ssize_t written, Py_ssize_t length);

/* socket.timeout, borrowed; NULL and an exception. */
PyObject *errors_socket_timeout(struct module_state *state);

/* Whether the pending exception is socket.timeout (TimeoutError from 3.10
   on). */
bool errors_is_socket_timeout(struct module_state *state);

/* Whether the pending exception says that a read could only have waited:
   BlockingIOError, or ssl.SSLWantReadError. */
bool errors_is_would_block(struct module_state *state);

/* The errno of the pending exception, which stays, if that is of this type;
   else 0. */
int errors_pending_errno(PyObject *type);

/* Whether the pending exception is a reply of the server's, rather than a
   connection that broke. */
bool errors_is_refusal(struct module_state *state);

/* What an `except` block keeps while it runs. */
struct errors_handling {
    PyObject *type;
    PyObject *value;
    PyObject *traceback;
};

/* What is raised from here on, until errors_handled(), has `exception` as its
   context, as in an `except` block that has caught it. */
void errors_handle(struct errors_handling *before, PyObject *exception);

void errors_handled(struct errors_handling *before);

/* Restores `pending`, whatever cleaning up after it has raised; unless that is
   more urgent, when it becomes the context.  Steals it. */
void errors_raise_again(PyObject *pending);

/* Hands the pending exception to sys.unraisablehook, unless
   errors_raise_again() raises it in the place of the earlier one, which may be
   NULL. */
void errors_report(PyObject *where, PyObject *earlier);

/* The exception for any status but POP_OK; for POP_HOST there is one already.
   POP_EOF and POP_TOO_LONG are error_proto with poplib's texts, POP_TIMEOUT
   and POP_DEADLINE are socket.timeout (TimeoutError from 3.10 on); what is
   about TLS is ssl.SSLError or one of its subclasses, as the ssl module raises
   them.
   `error` may be NULL for a status that has no details. */
void errors_raise(struct module_state *state, enum pop_status status,
                  const struct pop_error *error);

#endif
