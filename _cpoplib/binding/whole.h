/* Whole messages: as bytes, or into a file. */

#ifndef BINDING_WHOLE_H
#define BINDING_WHOLE_H

#include "binding/pop3.h"

extern PyMethodDef whole_methods[];

#endif
