/* TLS over a connection's socket, as the user's arguments ask for it. */

#ifndef BINDING_TLS_WRAP_H
#define BINDING_TLS_WRAP_H

#include "binding/client/pop3.h"
#include "binding/connect/tls_options.h"
#include "core/tls/tls_config.h"

/* What our own TLS is to be, to be freed with pop_tls_config_free(); NULL and
   an exception: ssl.SSLError or OSError for the files. */
struct ssl_ctx_st *tls_wrap_config(struct module_state *state,
                                   const struct tls_options *options);

/* `sock` with TLS, after the handshake with self.host: by options->context; by
   a context of the ssl module's if the socket is none of the system's own, if
   ssl._create_stdlib_context was replaced, or if SSLKEYLOGFILE is set; else by
   our own TLS with `config`, which is made if it is NULL.  A new reference, or
   NULL. */
PyObject *tls_wrap_start(POP3Object *self, PyObject *sock,
                         const struct tls_options *options,
                         struct ssl_ctx_st *config);

#endif
