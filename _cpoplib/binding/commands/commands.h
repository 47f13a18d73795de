/* The documented commands, user() to capa().  Calls
   poplib_c/_replies.py, messages, dialogue and the layers below. */

#ifndef BINDING_COMMANDS_H
#define BINDING_COMMANDS_H

#include "binding/client/pop3.h"

extern PyMethodDef commands_methods[];

#endif
