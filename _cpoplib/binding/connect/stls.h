/* The method stls(): the STLS command (RFC 2595, section 4).  Calls connect,
   tls_* and the layers below. */

#ifndef BINDING_STLS_H
#define BINDING_STLS_H

#include "binding/client/pop3.h"

extern PyMethodDef stls_methods[];

#endif
