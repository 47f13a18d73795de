/* The results of core functions: one status, and its details. */

#ifndef POP_STATUS_H
#define POP_STATUS_H

#define POP_ERROR_TEXT 512

enum pop_status {
    POP_OK = 0,
    POP_NEED_INPUT,  /* the bytes end inside a line or a reply */
    POP_EOF,         /* the peer has closed its side */
    POP_TIMEOUT,     /* the timeout has passed, or waiting is forbidden */
    POP_DEADLINE,    /* the user's deadline has passed: pop_error.text */
    POP_INTERRUPTED, /* EINTR: run signal handlers, then call again */
    POP_TOO_LONG,    /* a line exceeds its limit, or a buffer its cap */
    POP_TOO_MUCH,    /* the lines of a reply exceed their limit */
    POP_UNASKED,     /* more bytes follow a reply than a command asked for */
    POP_CONTROL,     /* a command has a control character */
    POP_NO_MEMORY,
    POP_SYSTEM,    /* a system call failed: pop_error.sys; pop_error.text names
                      the file, if any */
    POP_TLS,       /* OpenSSL failed: pop_error.tls, verify and text */
    POP_TLS_EOF,   /* the stream ended where TLS does not allow it */
    POP_WANT_READ, /* TLS must receive first, and waiting is forbidden */
    POP_WANT_WRITE, /* TLS must send first, and waiting is forbidden */
    POP_HOST        /* the host language has an exception pending */
};

/* Details of a failure, in the caller's frame; meaningful only with the status
   they came with. */
struct pop_error {
    int sys;                   /* errno, for POP_SYSTEM */
    unsigned long tls;         /* OpenSSL's packed code, for POP_TLS; or 0 */
    long verify;               /* X509_V_ERR_..., if a certificate did not
                                  verify; or 0 */
    char text[POP_ERROR_TEXT]; /* what happened, or "" */
};

#endif
