/* The state of one _cpoplib module, shared by its types.  It lives as long as
   the module.  Each object owns a reference to the module, because the garbage
   collector may clear a type that still has instances.  Calls nothing of the
   binding. */

#ifndef BINDING_STATE_H
#define BINDING_STATE_H

#include "binding/base/guard.h"
#include "binding/base/lock.h"
#include "binding/base/pycompat.h"
#include "core/tls/tls_config.h"

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
    X(code, "code")                                                           \
    X(context, "context")                                                     \
    X(create_connection, "create_connection")                                 \
    X(create_socket, "_create_socket")                                        \
    X(debugging, "_debugging")                                                \
    X(default_timeout, "_GLOBAL_DEFAULT_TIMEOUT")                             \
    X(encoding, "encoding")                                                   \
    X(file, "file")                                                           \
    X(fileno, "fileno")                                                       \
    X(gettimeout, "gettimeout")                                               \
    X(host, "host")                                                           \
    X(init, "__init__")                                                       \
    X(is_enabled_for, "isEnabledFor")                                         \
    X(keyfile, "keyfile")                                                     \
    X(logging, "logging")                                                     \
    X(makefile, "makefile")                                                   \
    X(maxline, "_MAXLINE")                                                    \
    X(options, "_options")                                                    \
    X(package, "poplib_c")                                                    \
    X(port, "port")                                                           \
    X(quit, "quit")                                                           \
    X(reader, "_reader")                                                      \
    X(recv_into, "recv_into")                                                 \
    X(redact, "_redact")                                                      \
    X(replies, "_replies")                                                    \
    X(sendall, "sendall")                                                     \
    X(settimeout, "settimeout")                                               \
    X(shutdown, "shutdown")                                                   \
    X(sock, "sock")                                                           \
    X(socket, "socket")                                                       \
    X(socketio, "SocketIO")                                                   \
    X(ssl, "ssl")                                                             \
    X(tls_established, "_tls_established")                                    \
    X(welcome, "welcome")

struct state_names {
#define X(field, name) PyObject *field;
    STATE_NAMES(X)
#undef X
};

/* Each may hold the system's certificates, about a megabyte. */
#define STATE_CONFIGS 8

/* What a config (SSL_CTX) is made of: see poplib_c/_tls_trust.py. */
struct state_identity {
    PyObject *owner; /* of the objects and of the text below */
    PyObject *source;
    PyObject *state;
    int is_settled;
    long long made; /* nanoseconds of the real-time clock */
    const char *directory;
};

/* A config that connections share; nobody changes it.  tls_configs.c keeps a
   list of them, in the order of their last use. */
struct state_config {
    struct ssl_ctx_st *config; /* NULL: the list ends here */
    struct state_identity identity;
    int count; /* of certificates in memory when it was made */
};

/* What is not set for good when the module is made is read and written inside
   the module's critical section. */
struct module_state {
    PyObject *module; /* borrowed; this state's module */
    struct lock_group locks;
#ifdef Py_GIL_DISABLED
    struct guard_list *guards;
#endif
    PyObject *modules; /* sys.modules; PyImport_GetModuleDict() is fatal
                              while the interpreter exits */
    PyObject *package; /* last found in sys.modules, or NULL */
    _Atomic size_t read_ahead; /* default of the option */
    PyObject *logging;         /* the module of `logger`; NULL until the first
                                  command after its import */
    PyObject *logger;
    PyObject *error_proto;
    PyTypeObject *pop3_type;
    PyTypeObject *pop3_ssl_type;
    PyTypeObject *reader_type;
    PyTypeObject *tls_socket_type;
    PyTypeObject *bulk_iterator_type;
    PyTypeObject *channel_type;
    PyTypeObject *deadline_type;
    struct pop_spare spare; /* for the Reader that is entered */
    struct lock tls_lock;   /* held while a config is made for tls_configs */
    struct state_config tls_configs[STATE_CONFIGS];
    PyObject *hook_name[HOOK_COUNT];
    PyObject *own_hook[HOOK_COUNT]; /* POP3's own method descriptors */
    PyObject *own_encoding;         /* POP3.encoding as it was made */
    PyObject *socket_timeout;       /* Python 3.9; NULL until first used */
    _Atomic bool has_own_methods;   /* set at the first connection */
    PyObject *own_recv_into;        /* _socket.socket's, or NULL before */
    PyObject *own_sendall;
    PyObject *own_tls_recv_into; /* TLSSocket's */
    PyObject *own_tls_sendall;
    PyObject *own_init; /* POP3.__init__ */
    PyObject *crlf;     /* b"\r\n" */
    struct state_names name;
};

/* Fills the names, bytes and lock; the types and own_... are filled as types
   are made.  Returns -1 and an exception. */
int state_init(struct module_state *state, PyObject *module);

/* Forgets what threads of the parent may have been using.  Called in the
   child after a fork.  Returns -1 and raises MemoryError. */
int state_note_fork(struct module_state *state);

/* m_traverse, m_clear and m_free of the module. */
int state_traverse(PyObject *module, visitproc visit, void *arg);
int state_clear(PyObject *module);
void state_free(void *module);

#endif
