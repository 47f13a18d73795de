/* The method auth(): an exchange of challenges and responses (RFC 5034). Calls
   sasl_line, connect, dialogue and the layers below. */

#ifndef BINDING_SASL_H
#define BINDING_SASL_H

#include "binding/client/pop3.h"

extern PyMethodDef sasl_methods[];

#endif
