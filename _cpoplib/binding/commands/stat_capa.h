/* Replies that stat() and capa() turn into numbers and dicts. */

#ifndef BINDING_STAT_CAPA_H
#define BINDING_STAT_CAPA_H

#include "binding/client/pop3.h"

/* (messages, octets) of the response to STAT (RFC 1939, section 5);
   error_proto if it has no two numbers. */
PyObject *stat_capa_stat(POP3Object *self, PyObject *response);

/* {name: [argument, ...]} of the reply to CAPA (RFC 2449, section 5), a
   tuple as _longcmd() returns it. */
PyObject *stat_capa_capa(POP3Object *self, PyObject *reply);

/* CAPA has failed with the pending exception, which is replaced by poplib's
   if it is the server's refusal, and stays if the connection broke. */
void stat_capa_capa_failed(POP3Object *self);

#endif
