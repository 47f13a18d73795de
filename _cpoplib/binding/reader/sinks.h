/* Destinations for the lines of a reply: a list, bytes, a file, or nowhere.
   Calls stream, base and core/net/output. */

#ifndef BINDING_SINKS_H
#define BINDING_SINKS_H

#include "binding/base/errors.h"
#include "binding/reader/stream.h"

/* A sink that collects lines in a list, octets in bytes; a reply of one line
   needs no more.  The caller calls sink_release(). */
void sink_init(struct stream_sink *self, enum pop_reply_form form,
               enum pop_end_rule rule);

/* Makes the sink drop the lines. */
void sink_drop(struct stream_sink *self);

/* Returns what was read, as a new reference, or NULL and an exception:

   POP_NO_LINES  the response
   POP_LINES     poplib's (response, lines, octets); lines are None if another
                 sink took them
   POP_OCTETS    bytes; if another sink took them, how many octets there were
 */
PyObject *sink_value(struct stream_sink *self);

/* Returns sink_value(), or NULL and error_proto for a refusal. */
static inline PyObject *
sink_result(struct module_state *state, struct stream_sink *self)
{
    if (!self->is_positive) {
        errors_raise_response(state, self->response);
        return NULL;
    }
    return self->form == POP_NO_LINES ? Py_NewRef(self->response)
                                      : sink_value(self);
}

static inline void
sink_release(struct stream_sink *self)
{
    Py_CLEAR(self->response);
    Py_CLEAR(self->value);
    Py_CLEAR(self->failure);
}

/* Writes octets by file.write(), or to the descriptor of an io.FileIO. */
struct sink_file {
    struct stream_sink sink;
    struct module_state *state;
    PyObject *file;
    PyObject *write; /* file.write */
    bool is_raw;     /* unbuffered: may write a part */
    bool is_direct;  /* to the descriptor */
};

/* Returns -1 and an exception if the file can't be written to. */
int sink_file_init(struct sink_file *self, struct module_state *state,
                   PyObject *file);

void sink_file_release(struct sink_file *self);

#endif
