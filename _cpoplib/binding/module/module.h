/* The state of one _cpoplib module, and the ways to reach it. */

#ifndef BINDING_MODULE_H
#define BINDING_MODULE_H

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

/* The state of the module that made `type` or one of its bases; NULL and
   TypeError if there is none.  It lives as long as the module: objects keep
   state->module, because the garbage collector may take a module from its
   types while there still are instances.  They are not what breaks a cycle
   through it. */
struct module_state *module_state_of_type(PyTypeObject *type);

/* An attribute of the package poplib_c: socket, ssl, _MAXLINE.  Of what
   sys.modules has under that name or, while the interpreter exits, had. */
PyObject *module_package_attribute(struct module_state *state, PyObject *name);

/* A global of the package as it is in the package's __dict__: 1 and a new
   reference; 0 and NULL if it has none, or if looking for it is not that
   simple; -1 and an exception. */
int module_package_global(struct module_state *state, PyObject *name,
                          PyObject **value);

/* from module import name; a new reference, or NULL. */
PyObject *module_imported(const char *module, const char *name);

#endif
