/* Destinations for the lines of a reply: a list, bytes, a file, or nowhere.
   Calls stream, lines, base and core/net/output. */

#ifndef BINDING_SINKS_H
#define BINDING_SINKS_H

#include "binding/reader/stream.h"

/* Collects lines in a list, which the caller owns. */
struct sink_lines {
    struct stream_sink sink;
    PyObject *list; /* NULL before the first batch */
};

void sink_lines_init(struct sink_lines *self);

/* Returns poplib's (response, lines, octets), or NULL and an exception. */
PyObject *sink_lines_tuple(const struct stream_reply *reply, PyObject *lines);

/* Drops the lines. */
void sink_nothing_init(struct stream_sink *sink);

/* Collects octets in a bytes object, which the caller owns. */
struct sink_bytes {
    struct stream_sink sink;
    PyObject *bytes; /* NULL before the first octet, or after a failure */
    size_t used;
};

void sink_bytes_init(struct sink_bytes *self);

/* Returns the bytes, trimmed (new reference), or NULL and an exception. */
PyObject *sink_bytes_finish(struct sink_bytes *self);

void sink_bytes_release(struct sink_bytes *self);

/* Writes octets by file.write(), or to the descriptor of an io.FileIO. */
struct sink_file {
    struct stream_sink sink;
    struct module_state *state;
    PyObject *file;
    PyObject *write; /* file.write */
    bool is_raw;     /* unbuffered: may write a part */
    bool is_direct;  /* to the descriptor */
    size_t octets;   /* written so far */
};

/* Returns -1 and an exception if the file can't be written to. */
int sink_file_init(struct sink_file *self, struct module_state *state,
                   PyObject *file);

void sink_file_release(struct sink_file *self);

#endif
