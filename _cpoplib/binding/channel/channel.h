/* The type Channel: the connection of poplib_c.aio, whose event loop waits.
   Does what can be done at once, and tells what to wait for.  Calls messages,
   connect, dialogue and the folders below. */

#ifndef BINDING_CHANNEL_H
#define BINDING_CHANNEL_H

#include "binding/client/pop3.h"
#include "binding/messages/bulk_iterator.h"
#include "binding/reader/replies.h"
#include "binding/reader/rows.h"
#include "binding/socket/tls_socket.h"

/* What a command's result is. */
enum channel_form {
    CHANNEL_STATUS, /* the status line */
    CHANNEL_LINES,  /* (response, lines, octets) */
    CHANNEL_OCTETS, /* bytes */
    CHANNEL_FILE,   /* how many octets were written */
    CHANNEL_SIZES,  /* the dict of LIST */
    CHANNEL_UIDS    /* the dict of UIDL */
};

/* What the caller has to do before it repeats a call; bits.  None: let others
   have their turn. */
enum channel_wants {
    CHANNEL_WANTS_READ = 1,  /* wait until the socket is readable */
    CHANNEL_WANTS_WRITE = 2, /* or writable */
    CHANNEL_WANTS_PROOF = 4  /* find out whether the server keeps the order of
                                commands sent ahead: prove(), settle() */
};

typedef struct {
    GUARD_HEAD
    struct module_state *state; /* of `module` */
    PyObject *module;           /* kept until the end */
    PyObject *client;           /* told to audit hooks; borrowed from the
                                   caller of a method, NULL outside */
    ReaderObject *reader;       /* NULL before attach() */
    struct ssl_ctx_st *config;  /* of load_tls(), for begin_tls() */
    TLSSocketObject *tls;       /* in its handshake, or NULL */
    enum pop3_pipelining pipelining;
    size_t max_line; /* octets; POP_UNLIMITED_OCTETS for none */
    size_t max_size;
    int wants;
    bool is_running; /* inside channel_run() */
    /* The reply to the command that is under way. */
    union {
        struct stream_sink sink; /* the first member of the others */
        struct sink_file file;
        struct rows rows;
    } reply;
    enum channel_form form;
    bool is_started;       /* the command is under way */
    struct reception in;   /* of replies to commands sent ahead */
    bool is_questioned;    /* the question of held.h is under way */
    struct requests proof; /* of the order of replies */
} ChannelObject;

#define CHANNEL(op) ((ChannelObject *)(op))

/* Returns a new type _cpoplib.Channel, or NULL and an exception. */
PyTypeObject *channel_type_new(PyObject *module);

/* Returns method(channel, values), which may set channel->client; the sockets
   and replies of the channel are its own meanwhile.  Raises RuntimeError if
   another thread runs a method, or if no socket is attached. */
typedef PyObject *(*channel_method)(ChannelObject *self, PyObject **values);
PyObject *channel_run(PyObject *op, PyObject **values, channel_method method);

/* Encodes a command line (stolen; NULL with an exception) and tells audit
   hooks of it.  Returns bytes, or NULL and an exception. */
PyObject *channel_announce(ChannelObject *self, PyObject *line);

/* Fills the limits of a reply with lines of at most `size` octets. */
int channel_limits(ChannelObject *self, size_t size, bool is_sasl,
                   struct stream_limits *limits);

/* Notes what link->wants says, and returns its argument. */
int channel_note(ChannelObject *self, int result);

/* Releases what the command holds. */
void channel_end_reply(ChannelObject *self);

/* Methods about commands sent ahead, in channel_ahead.c. */
extern PyMethodDef channel_ahead_methods[];

#endif
