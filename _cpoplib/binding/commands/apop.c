#include "binding/commands/apop.h"

#include <openssl/err.h>
#include <openssl/evp.h>

#include "binding/base/args.h"
#include "binding/dialogue/command.h"
#include "binding/base/errors.h"
#include "binding/base/package.h"
#include "binding/client/redact.h"

#define MD5_OCTETS 16

/* --- apop --------------------------------------------------------------- */

/* Returns the time stamp of self.welcome, or raises error_proto. */
static PyObject *
get_timestamp(POP3Object *self)
{
    struct module_state *state = self->state;
    PyObject *pattern = NULL;
    PyObject *welcome = NULL;
    PyObject *match = NULL;
    PyObject *timestamp = NULL;

    pattern = PyObject_GetAttr((PyObject *)self, state->name.timestamp);
    if (pattern != NULL) {
        welcome = PyObject_GetAttr((PyObject *)self, state->name.welcome);
    }
    if (welcome != NULL) {
        match = PyObject_CallMethodObjArgs(pattern, state->name.match, welcome,
                                           NULL);
    }
    if (match == Py_None) {
        errors_raise_proto(state, "-ERR APOP not supported by server");
    }
    else if (match != NULL) {
        timestamp = PyObject_CallMethod(match, "group", "i", 1);
    }
    Py_XDECREF(pattern);
    Py_XDECREF(welcome);
    Py_XDECREF(match);
    return timestamp;
}

/* bytes(password, self.encoding) */
static PyObject *
encode_password(POP3Object *self, PyObject *password)
{
    PyObject *encoding;
    PyObject *secret;

    encoding = PyObject_GetAttr((PyObject *)self, self->state->name.encoding);
    if (encoding == NULL) {
        return NULL;
    }
    secret = PyObject_CallFunctionObjArgs((PyObject *)&PyBytes_Type, password,
                                          encoding, NULL);
    Py_DECREF(encoding);
    if (secret == NULL) {
        redact_unicode_error(Py_None, REDACT_NOT_SENT);
    }
    return secret;
}

#if OPENSSL_VERSION_NUMBER >= 0x30000000L

/* RFC 1939 prescribes MD5.  Fetched with "-fips", so that a FIPS provider does
   not refuse it. */
static int
digest_md5(const void *data, size_t length, unsigned char *digest)
{
    EVP_MD *algorithm = EVP_MD_fetch(NULL, "MD5", "-fips");
    int ok = algorithm != NULL &&
             EVP_Digest(data, length, digest, NULL, algorithm, NULL);

    EVP_MD_free(algorithm);
    return ok ? 0 : -1;
}

#else

static int
digest_md5(const void *data, size_t length, unsigned char *digest)
{
    return EVP_Digest(data, length, digest, NULL, EVP_md5(), NULL) ? 0 : -1;
}

#endif

/* MD5 of one buffer; leaves OpenSSL's error queue unchanged. */
static int
md5(const void *data, size_t length, unsigned char *digest)
{
    int failed;

    (void)ERR_set_mark();
    failed = digest_md5(data, length, digest);
    (void)ERR_pop_to_mark();
    return failed;
}

static PyObject *
hex(const unsigned char *digest)
{
    static const char digits[] = "0123456789abcdef";
    char text[2 * MD5_OCTETS];
    size_t i;

    for (i = 0; i < MD5_OCTETS; i++) {
        text[2 * i] = digits[digest[i] >> 4];
        text[2 * i + 1] = digits[digest[i] & 0xf];
    }
    return PyUnicode_FromStringAndSize(text, sizeof(text));
}

/* hashlib.md5(data).hexdigest() */
static PyObject *
md5_hexdigest(PyObject *data)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    Py_buffer view;
    int failed;

    if (PyObject_GetBuffer(data, &view, PyBUF_SIMPLE) < 0) {
        return NULL;
    }
    failed = md5(view.buf, (size_t)view.len, digest);
    PyBuffer_Release(&view);
    if (failed < 0) {
        PyErr_SetString(PyExc_ValueError,
                        "OpenSSL refuses MD5, which APOP needs");
        return NULL;
    }
    return hex(digest);
}

/* Returns the digest of RFC 1939, section 7. */
static PyObject *
apop_digest(POP3Object *self, PyObject *secret)
{
    PyObject *timestamp = get_timestamp(self);
    PyObject *data = NULL;
    PyObject *digest = NULL;

    if (timestamp == NULL) {
        return NULL;
    }
    data = PyNumber_Add(timestamp, secret);
    if (data != NULL) {
        digest = md5_hexdigest(data);
    }
    Py_DECREF(timestamp);
    Py_XDECREF(data);
    return digest;
}

static PyObject *
apop_line(POP3Object *self, PyObject *user, PyObject *password)
{
    PyObject *secret = encode_password(self, password);
    PyObject *digest = NULL;
    PyObject *line = NULL;

    if (secret == NULL) {
        return NULL;
    }
    digest = apop_digest(self, secret);
    if (digest != NULL) {
        line = PyUnicode_FromFormat("APOP %S %U", user, digest);
    }
    Py_DECREF(secret);
    Py_XDECREF(digest);
    return line;
}

PyDoc_STRVAR(apop_doc,
"apop($self, user, password)\n"
"--\n"
"\n"
"Log in without sending the password (APOP; RFC 1939, section 7).\n"
"\n"
"Only if the greeting has a time stamp, else error_proto.  The mailbox is\n"
"locked from here to quit().  Returns the response, bytes.");

static PyObject *
apop(POP3Object *self, PyObject *user, PyObject *password)
{
    PyObject *line = apop_line(self, user, password);
    PyObject *response;

    if (line == NULL) {
        return NULL;
    }
    response = command_shortcmd(self, line, POP_END_AT_ONCE);
    Py_DECREF(line);
    return response;
}

ARGS_FUNCTION(pop3_apop, apop(POP3(op), values[0], values[1]),
              .method = "POP3.apop", .names = {"user", "password"},
              .required = 2);

PyMethodDef apop_methods[] = {
    ARGS_METHOD("apop", pop3_apop, apop_doc),
    {NULL, NULL, 0, NULL},
};
