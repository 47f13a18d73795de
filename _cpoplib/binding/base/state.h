/* The state of one _cpoplib module: what its types share.  It lives as long as
   the module.  An object keeps the module itself, because the garbage
   collector may take it from a type that still has instances; no cycle through
   it is broken there.

   Calls nothing of the binding's. */

#ifndef BINDING_STATE_H
#define BINDING_STATE_H

#include "binding/base/lock.h"
#include "binding/base/pycompat.h"

/* The private methods of poplib that may be overridden, in call order. */
#define HOOK_NAMES(X)                                                         \
    X(HOOK_SHORTCMD, "_shortcmd")                                             \
    X(HOOK_LONGCMD, "_longcmd")                                               \
    X(HOOK_PUTCMD, "_putcmd")                                                 \
    X(HOOK_PUTLINE, "_putline")                                               \
    X(HOOK_GETLONGRESP, "_getlongresp")                                       \
    X(HOOK_GETRESP, "_getresp")                                               \
    X(HOOK_GETLINE, "_getline")

enum hook {
#define X(id, name) id,
    HOOK_NAMES(X)
#undef X
    HOOK_COUNT
};

/* Interned names of attributes. */
#define STATE_NAMES(X)                                                        \
    X(capa, "capa")                                                           \
    X(certfile, "certfile")                                                   \
    X(close, "close")                                                         \
    X(context, "context")                                                     \
    X(create_connection, "create_connection")                                 \
    X(create_socket, "_create_socket")                                        \
    X(debugging, "_debugging")                                                \
    X(default_timeout, "_GLOBAL_DEFAULT_TIMEOUT")                             \
    X(encoding, "encoding")                                                   \
    X(file, "file")                                                           \
    X(fileno, "fileno")                                                       \
    X(gettimeout, "gettimeout")                                               \
    X(group, "group")                                                         \
    X(host, "host")                                                           \
    X(initial_response, "initial_response")                                   \
    X(is_enabled_for, "isEnabledFor")                                         \
    X(keyfile, "keyfile")                                                     \
    X(logging, "logging")                                                     \
    X(makefile, "makefile")                                                   \
    X(match, "match")                                                         \
    X(maxline, "_MAXLINE")                                                    \
    X(mechanism_name, "name")                                                 \
    X(package, "poplib_c")                                                    \
    X(port, "port")                                                           \
    X(print, "print")                                                         \
    X(qualname, "__qualname__")                                               \
    X(quit, "quit")                                                           \
    X(raw, "raw")                                                             \
    X(readline, "readline")                                                   \
    X(recv_into, "recv_into")                                                 \
    X(sendall, "sendall")                                                     \
    X(settimeout, "settimeout")                                               \
    X(shutdown, "shutdown")                                                   \
    X(sock, "sock")                                                           \
    X(socket, "socket")                                                       \
    X(socketio_sock, "_sock")                                                 \
    X(split, "split")                                                         \
    X(ssl, "ssl")                                                             \
    X(startswith, "startswith")                                               \
    X(success, "success")                                                     \
    X(timestamp, "timestamp")                                                 \
    X(tls_established, "_tls_established")                                    \
    X(welcome, "welcome")

struct state_names {
#define X(field, name) PyObject *field;
    STATE_NAMES(X)
#undef X
};

struct ssl_ctx_st;

struct module_state {
    PyObject *module; /* whose state this is */
    struct lock_group locks;
    PyObject *modules; /* sys.modules; kept, for at exit the interpreter
                              has none any more, and dies if it is asked */
    PyObject *package; /* as last seen in sys.modules; or NULL */
    size_t read_ahead; /* the default of that option */
    PyObject *logging; /* the module that `logger` is of; NULL until the
                          first command after it was imported */
    PyObject *logger;
    PyObject *error_proto;
    PyTypeObject *pop3_type;
    PyTypeObject *pop3_ssl_type;
    PyTypeObject *reader_type;
    PyTypeObject *tls_socket_type;
    PyTypeObject *lazy_attribute_type;
    PyTypeObject *bulk_iterator_type;
    PyTypeObject *deadline_type;
    struct ssl_ctx_st *plain_config; /* TLS without options; NULL until the
                                        first connection */
    PyObject *timestamp_pattern;     /* NULL until first asked for */
    PyObject *hook_name[HOOK_COUNT];
    PyObject *own_hook[HOOK_COUNT]; /* POP3's own method descriptors */
    PyObject *own_encoding;         /* POP3.encoding as it was made */
    PyObject *own_recv_into;        /* _socket.socket's; NULL until the */
    PyObject *own_sendall;          /*   first connection */
    PyObject *socket_timeout;       /* before 3.10; likewise */
    PyObject *own_tls_recv_into;    /* TLSSocket's */
    PyObject *own_tls_sendall;
    PyObject *own_init;   /* POP3.__init__ */
    PyObject *crlf;       /* b"\r\n" */
    PyObject *terminator; /* b"." */
    PyObject *stuffed;    /* b".." */
    PyObject *positive;   /* b"+" */
    struct state_names name;
};

/* Fills the state of `module`, but for its types: those and what they compare
   with are the module's to make.  -1 and an exception. */
int state_init(struct module_state *state, PyObject *module);

/* The m_traverse, m_clear and m_free of the module. */
int state_traverse(PyObject *module, visitproc visit, void *arg);
int state_clear(PyObject *module);
void state_free(void *module);

#endif
