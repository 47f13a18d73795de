/* The ssl module's counterpart of our own TLS. */

#ifndef BINDING_TLSCONTEXT_H
#define BINDING_TLSCONTEXT_H

#include "binding/tlsstart.h"

/* The ssl.SSLContext that stands for the options: as poplib makes it or, where
   verify asks for more, as our own TLS is.  A new reference, or NULL. */
PyObject *tlscontext_new(struct module_state *state,
                         const struct tlsstart_options *options);

#endif
