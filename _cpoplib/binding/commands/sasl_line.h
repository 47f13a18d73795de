/* The lines of an AUTH exchange: what is in them, and what may be (RFC 5034,
   section 4). */

#ifndef BINDING_SASL_LINE_H
#define BINDING_SASL_LINE_H

#include "binding/module/module.h"

/* What a positive status line is. */
enum saslline_reply {
    SASLLINE_SUCCESS,   /* +OK */
    SASLLINE_CHALLENGE, /* "+" and base64, or nothing */
    SASLLINE_OTHER
};

enum saslline_reply saslline_classify(PyObject *reply);

/* The octets of a challenge; NULL and error_proto if it is not base64. */
PyObject *saslline_decode(struct module_state *state, PyObject *reply);

/* A response, bytes, as str in base64. */
PyObject *saslline_encode(PyObject *bytes);

/* What is to be sent, bytes or ASCII str, as bytes.  `what` names it in
   TypeError and ValueError: UnicodeEncodeError would hold it. */
PyObject *saslline_octets(PyObject *value, const char *what);

/* -1 and TypeError or ValueError for what is no mechanism's name: it goes into
   the command as it is. */
int saslline_check_name(PyObject *name);

#endif
