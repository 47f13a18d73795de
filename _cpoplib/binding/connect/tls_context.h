/* Makes an ssl.SSLContext equivalent to our own TLS.  Calls base/package. */

#ifndef BINDING_TLS_CONTEXT_H
#define BINDING_TLS_CONTEXT_H

#include "binding/base/state.h"
#include "binding/connect/tls_options.h"

/* Returns a context for the options: with verify, one as strict as our own
   TLS; else poplib's.  A new reference, or NULL and an exception. */
PyObject *tls_context_new(struct module_state *state,
                          const struct tls_options *options);

#endif
