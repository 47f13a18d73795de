/* Configurations (SSL_CTX) of our own TLS, shared by connections with equal
   options.  Calls tls_options, base and core/tls. */

#ifndef BINDING_TLS_CONFIGS_H
#define BINDING_TLS_CONFIGS_H

#include "binding/base/state.h"
#include "binding/connect/tls_options.h"
#include "core/tls/tls_config.h"

/* Returns a configuration, which nobody may change; free it by
   pop_tls_config_free().  Reads files with the GIL released, and the trusted
   certificates only if they have changed.  Returns NULL and raises
   ssl.SSLError or OSError for bad files. */
struct ssl_ctx_st *tls_configs_get(struct module_state *state,
                                   const struct tls_options *options);

#endif
