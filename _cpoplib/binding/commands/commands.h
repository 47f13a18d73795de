/* The documented commands: user() to capa(). */

#ifndef BINDING_COMMANDS_H
#define BINDING_COMMANDS_H

#include "binding/client/pop3.h"

extern PyMethodDef commands_methods[];

#endif
