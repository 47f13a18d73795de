/* The STLS command (RFC 2595). */

#ifndef BINDING_STLS_H
#define BINDING_STLS_H

#include "binding/client/pop3.h"

extern PyMethodDef stls_methods[];

#endif
