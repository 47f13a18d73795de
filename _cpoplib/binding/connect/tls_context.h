/* The ssl.SSLContext that does what our own TLS would.  Calls package.h. */

#ifndef BINDING_TLS_CONTEXT_H
#define BINDING_TLS_CONTEXT_H

#include "binding/base/state.h"
#include "binding/connect/tls_options.h"

/* The ssl.SSLContext that stands for the options: as poplib makes it or, where
   verify asks for more, as our own TLS is.  A new reference, or NULL. */
PyObject *tls_context_new(struct module_state *state,
                          const struct tls_options *options);

#endif
