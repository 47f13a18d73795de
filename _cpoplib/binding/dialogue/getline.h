/* poplib's _getline(), and the limits of replies.  Calls the client and the
   Reader.  Needs the command lock. */

#ifndef BINDING_GETLINE_H
#define BINDING_GETLINE_H

#include "binding/client/overrides.h"
#include "binding/reader/stream.h"

/* What the limits depend on, besides _MAXLINE. */
struct getline_options {
    size_t max_line; /* octets, as in POP3Object */
    size_t max_size;
    bool is_sasl; /* the reply belongs to an AUTH exchange */
};

/* Fills the limits: of a status line poplib_c._MAXLINE, which users set at run
   time; of other lines max_line, if that is larger.  Returns -1 and an
   exception. */
int getline_fill_limits(struct module_state *state,
                        const struct getline_options *options,
                        struct stream_limits *limits);

/* Returns how many octets all lines of the current reply may have. */
size_t getline_size_limit(const POP3Object *self);

/* Calls getline_fill_limits() for the current reply. */
int getline_limits(POP3Object *self, struct stream_limits *limits);

/* Does what getline_limits() does, but runs no Python code.  Returns 1, -1 and
   an exception, or 0 if _MAXLINE is not an int. */
int getline_plain_limits(POP3Object *self, struct stream_limits *limits);

/* Runs POP3._getline().  Returns (line, octets), or NULL and an exception. */
PyObject *getline_own(POP3Object *self);

/* Returns .file (new reference) if it is a Reader, none of the hooks is
   overridden, and nothing is printed: then C may read instead of them.
   Otherwise returns NULL, and an exception if *failed. */
ReaderObject *getline_quiet_reader(POP3Object *self, hook_set hooks,
                                   int *failed);

#endif
