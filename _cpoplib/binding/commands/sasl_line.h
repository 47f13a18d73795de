/* The lines of an AUTH exchange: what is in them, and what may be (RFC 5034,
   section 4). */

#ifndef BINDING_SASL_LINE_H
#define BINDING_SASL_LINE_H

#include "binding/base/state.h"

/* What a positive status line is. */
enum sasl_line_reply {
    SASL_LINE_SUCCESS,   /* +OK */
    SASL_LINE_CHALLENGE, /* "+" and base64, or nothing */
    SASL_LINE_OTHER
};

enum sasl_line_reply sasl_line_classify(PyObject *reply);

/* What a challenge says: 1 and its octets, 0 and its text if it is not base64,
   or -1 and an exception. */
int sasl_line_decode(PyObject *reply, PyObject **challenge);

/* A response, bytes, as str in base64. */
PyObject *sasl_line_encode(PyObject *bytes);

/* What is to be sent, bytes or ASCII str, as bytes.  `what` names it in
   TypeError and ValueError: UnicodeEncodeError would hold it. */
PyObject *sasl_line_octets(PyObject *value, const char *what);

/* -1 and TypeError or ValueError for what is no mechanism's name: it goes into
   the command as it is. */
int sasl_line_check_name(PyObject *name);

#endif
