/* The methods login() and login_oauth2().  Calls poplib_c/_login.py, which
   chooses the mechanism. */

#ifndef BINDING_LOGIN_H
#define BINDING_LOGIN_H

#include "binding/client/pop3.h"

extern PyMethodDef login_methods[];

#endif
