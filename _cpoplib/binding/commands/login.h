/* login() and login_oauth2(): which mechanism is tried is decided in Python,
   by poplib_c/_login.py. */

#ifndef BINDING_LOGIN_H
#define BINDING_LOGIN_H

#include "binding/client/pop3.h"

extern PyMethodDef login_methods[];

#endif
