/* The ssl module's counterpart of our own TLS. */

#ifndef BINDING_TLS_CONTEXT_H
#define BINDING_TLS_CONTEXT_H

#include "binding/connect/tls_wrap.h"

/* The ssl.SSLContext that stands for the options: as poplib makes it or, where
   verify asks for more, as our own TLS is.  A new reference, or NULL. */
PyObject *tls_context_new(struct module_state *state,
                          const struct tls_wrap_options *options);

#endif
