/* Configurations (SSL_CTX) of our own TLS, shared by connections with equal
   options.  Calls base and core/tls. */

#ifndef BINDING_TLS_CONFIGS_H
#define BINDING_TLS_CONFIGS_H

#include "binding/base/state.h"
#include "core/tls/tls_config.h"

/* The TLS arguments of POP3_SSL() and stls(): borrowed references; NULL for
   None or not given. */
struct tls_options {
    PyObject *context;
    PyObject *keyfile;
    PyObject *certfile;
    PyObject *verify; /* True, a path, or False */
};

static inline bool
tls_options_verify(const struct tls_options *options)
{
    return options->verify != NULL && options->verify != Py_False;
}

/* Returns a configuration, which nobody may change; free it by
   pop_tls_config_free().  Reads files detached, and the trusted
   certificates only if they have changed.  Returns NULL and raises
   ssl.SSLError or OSError for bad files. */
struct ssl_ctx_st *tls_configs_get(struct module_state *state,
                                   const struct tls_options *options);

#endif
