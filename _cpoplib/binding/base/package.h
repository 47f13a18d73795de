/* What other Python modules have: the package poplib_c, as its users see and
   patch it, and names that are imported when they are needed.

   Calls nothing of the binding's. */

#ifndef BINDING_PACKAGE_H
#define BINDING_PACKAGE_H

#include "binding/base/state.h"

/* An attribute of the package poplib_c: socket, ssl, _MAXLINE.  Reads the
   package that sys.modules has under that name or, while the interpreter
   exits, had.  A new reference, or NULL and an exception. */
PyObject *package_attribute(struct module_state *state, PyObject *name);

/* A global as the __dict__ of the package has it: 1 and a new reference; 0 and
   NULL if there is none, or if the package is not a plain module; -1 and an
   exception. */
int package_global(struct module_state *state, PyObject *name,
                   PyObject **value);

/* from module import name: a new reference, or NULL and an exception. */
PyObject *package_import(const char *module, const char *name);

#endif
