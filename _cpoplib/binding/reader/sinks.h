/* Where the lines of a reply go: a list, bytes, a file, or nowhere. */

#ifndef BINDING_SINKS_H
#define BINDING_SINKS_H

#include "binding/reader/stream.h"

/* Lines in a list, which is the caller's. */
struct sink_lines {
    struct stream_sink sink;
    PyObject *list; /* NULL before the first batch */
};

void sink_lines_init(struct sink_lines *self);

/* What poplib returns of a reply with lines: (response, lines, octets). */
PyObject *sink_lines_tuple(const struct stream_reply *reply, PyObject *lines);

/* What nobody wants. */
void sink_nothing_init(struct stream_sink *sink);

/* Octets in a bytes object, which is the caller's. */
struct sink_bytes {
    struct stream_sink sink;
    PyObject *bytes; /* NULL before the first octet, or after a failure */
    size_t used;
};

void sink_bytes_init(struct sink_bytes *self);

/* The bytes, of the right size: a new reference, or NULL. */
PyObject *sink_bytes_finish(struct sink_bytes *self);

void sink_bytes_release(struct sink_bytes *self);

/* Octets through file.write(), or straight to the descriptor of an io.FileIO.
 */
struct sink_file {
    struct stream_sink sink;
    struct module_state *state;
    PyObject *file;
    PyObject *write; /* file.write */
    bool is_raw;     /* unbuffered: it may take a part, or nothing */
    bool is_direct;  /* past write() */
    size_t octets;   /* written so far */
};

/* -1 and an exception if the file can't be written to. */
int sink_file_init(struct sink_file *self, struct module_state *state,
                   PyObject *file);

void sink_file_release(struct sink_file *self);

#endif
