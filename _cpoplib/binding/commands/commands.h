/* The method tables of the room: the documented commands (commands.c), apop()
   (apop.c), auth() (sasl.c), login() and login_oauth2() (login.c), and quit()
   and the `with` statement (quit.c).  They call _replies.py, _auth.py and
   _login.py of poplib_c, messages, connect, dialogue and the layers below. */

#ifndef BINDING_COMMANDS_H
#define BINDING_COMMANDS_H

#include "binding/client/pop3.h"

extern PyMethodDef commands_methods[];
extern PyMethodDef apop_methods[];
extern PyMethodDef sasl_methods[];
extern PyMethodDef login_methods[];
extern PyMethodDef quit_methods[];

/* Functions of the module. */
extern PyMethodDef apop_functions[];

#endif
