/* Many messages: retr_many(), top_many(), dele_many().

   Calls bulk_iterator.h, the client and base. */

#ifndef BINDING_BULK_H
#define BINDING_BULK_H

#include "binding/client/pop3.h"

extern PyMethodDef bulk_methods[];

#endif
