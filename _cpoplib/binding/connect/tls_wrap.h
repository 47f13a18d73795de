/* Starts TLS over a connection's socket, by our own TLS or the ssl module.
   Calls tls_configs, poplib_c/_tls.py, client, socket and the layers below. */

#ifndef BINDING_TLS_WRAP_H
#define BINDING_TLS_WRAP_H

#include "binding/client/pop3.h"
#include "binding/connect/tls_configs.h"
#include "binding/socket/tls_socket.h"

/* Fills the options.  Returns -1 and raises ValueError for arguments that
   exclude each other. */
int tls_wrap_options(struct tls_options *options, PyObject *context,
                     PyObject *keyfile, PyObject *certfile, PyObject *verify);

/* Returns an ssl.SSLContext for the options: with verify, one as strict as our
   own TLS; else poplib's.  A new reference, or NULL and an exception. */
PyObject *tls_wrap_new_context(struct module_state *state,
                               const struct tls_options *options);

/* Returns a TLSSocket over `sock`, before its handshake with `host`, or NULL
   and an exception.  Makes the config if `config` is NULL. */
TLSSocketObject *tls_wrap_new_socket(struct module_state *state,
                                     PyObject *sock, PyObject *host,
                                     const struct tls_options *options,
                                     struct ssl_ctx_st *config,
                                     PyObject *guard);

/* Wraps `sock` and shakes hands with self.host.  Uses, in this order:

   options->context, if given;
   a context of the ssl module, if `sock` is no plain socket of the system,
   ssl._create_stdlib_context was replaced, or SSLKEYLOGFILE is set;
   our own TLS with `config`, made here if it is NULL.

   Returns a new reference, or NULL and an exception. */
PyObject *tls_wrap_start(POP3Object *self, PyObject *sock,
                         const struct tls_options *options,
                         struct ssl_ctx_st *config);

#endif
