/* Encodes, decodes and checks the lines of an AUTH exchange (RFC 5034, section
   4).  Calls base and core/proto. */

#ifndef BINDING_SASL_LINE_H
#define BINDING_SASL_LINE_H

#include "binding/base/state.h"

/* Kinds of positive status lines. */
enum sasl_line_reply {
    SASL_LINE_SUCCESS,   /* +OK */
    SASL_LINE_CHALLENGE, /* "+" and base64, or nothing */
    SASL_LINE_OTHER
};

enum sasl_line_reply sasl_line_classify(PyObject *reply);

/* Decodes a challenge: returns 1 and its octets, 0 and its text if it is not
   base64, or -1 and an exception. */
int sasl_line_decode(PyObject *reply, PyObject **challenge);

/* Returns a response (bytes) in base64, as str. */
PyObject *sasl_line_encode(PyObject *bytes);

/* Converts bytes or ASCII str to bytes.  Raises TypeError or ValueError naming
   `what`; UnicodeEncodeError would hold the secret. */
PyObject *sasl_line_octets(PyObject *value, const char *what);

/* Returns -1 and raises TypeError or ValueError unless the name is that of a
   mechanism: the command contains it unchanged. */
int sasl_line_check_name(PyObject *name);

#endif
