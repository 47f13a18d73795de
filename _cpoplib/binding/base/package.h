/* Reads attributes of the package poplib_c, which users patch, and imports
   names of other modules on demand.  Calls nothing of the binding. */

#ifndef BINDING_PACKAGE_H
#define BINDING_PACKAGE_H

#include "binding/base/state.h"

/* Returns poplib_c.<name> (socket, ssl, _MAXLINE) as a new reference, or NULL
   and an exception.  Looks the package up in sys.modules; while the
   interpreter exits, uses the last one found there. */
PyObject *package_attribute(struct module_state *state, PyObject *name);

/* Reads a global from the package's __dict__, without running Python code.
   Returns 1 and a new reference; 0 and NULL if there is none or the package is
   not a plain module; -1 and an exception. */
int package_global(struct module_state *state, PyObject *name,
                   PyObject **value);

/* Executes `from module import name`.  Returns a new reference, or NULL and an
   exception. */
PyObject *package_import(const char *module, const char *name);

/* Returns the result of module.name(...), or NULL and an exception.  `format`,
   for Py_BuildValue(), makes a tuple of the arguments. */
PyObject *package_call(const char *module, const char *name,
                       const char *format, ...);

/* package_call() for a module that the package imports (poplib_c.<module>).
   Works while the interpreter exits, when nothing can be imported. */
PyObject *package_call_own(struct module_state *state, PyObject *module,
                           const char *name, const char *format, ...);

#endif
