/* The method apop() and the class attribute `timestamp`.  Calls dialogue and
   OpenSSL's digests. */

#ifndef BINDING_APOP_H
#define BINDING_APOP_H

#include "binding/client/pop3.h"

extern PyMethodDef apop_methods[];

#endif
