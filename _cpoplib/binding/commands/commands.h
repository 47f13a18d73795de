/* The documented commands, user() to capa().  Calls stat_capa, messages,
   dialogue and the layers below. */

#ifndef BINDING_COMMANDS_H
#define BINDING_COMMANDS_H

#include "binding/client/pop3.h"

extern PyMethodDef commands_methods[];

#endif
