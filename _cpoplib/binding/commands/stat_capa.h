/* Parses the replies of STAT and CAPA.  Calls client/debug and base. */

#ifndef BINDING_STAT_CAPA_H
#define BINDING_STAT_CAPA_H

#include "binding/client/pop3.h"

/* Returns (messages, octets) from the response to STAT (RFC 1939, section 5);
   raises error_proto if it lacks the two numbers. */
PyObject *stat_capa_stat(POP3Object *self, PyObject *response);

/* Returns {name: [argument, ...]} from the reply to CAPA (RFC 2449, section
   5), a tuple of _longcmd(). */
PyObject *stat_capa_capa(POP3Object *self, PyObject *reply);

/* Handles the pending exception of CAPA: replaces the server's -ERR by
   poplib's error_proto, keeps any other. */
void stat_capa_capa_failed(POP3Object *self);

#endif
