/* Results of core functions: one status, and details out of band. */

#ifndef POP_STATUS_H
#define POP_STATUS_H

#define POP_ERROR_TEXT 512

enum pop_status {
    POP_OK = 0,
    POP_NEED_INPUT,  /* the bytes at hand end inside a line or a reply */
    POP_EOF,         /* the peer has closed its side */
    POP_TIMEOUT,     /* the deadline has passed, or waiting is forbidden */
    POP_DEADLINE,    /* a limit has passed, beside the deadlines of operations:
                        pop_error.text */
    POP_INTERRUPTED, /* EINTR: run signal handlers, then call again */
    POP_TOO_LONG,    /* a line over its limit, or a buffer over its cap */
    POP_TOO_MUCH,    /* the lines of a reply over their limit */
    POP_UNASKED,     /* more came after a reply than was asked for */
    POP_CONTROL,     /* a control character in a command */
    POP_NO_MEMORY,
    POP_SYSTEM,     /* a system call failed: pop_error.sys; pop_error.text
                       names the file, if it is about one */
    POP_TLS,        /* OpenSSL failed: pop_error.tls, verify and text */
    POP_TLS_EOF,    /* the stream ended where TLS does not allow it */
    POP_WANT_READ,  /* TLS has to receive first, and waiting is forbidden */
    POP_WANT_WRITE, /* the same for sending */
    POP_HOST        /* the host of the transport has an exception pending */
};

/* Details of a failure.  It lives in the caller's frame, and is meaningful
   only for the status that it came with. */
struct pop_error {
    int sys;                   /* errno, for POP_SYSTEM */
    unsigned long tls;         /* OpenSSL's packed code, for POP_TLS; or 0 */
    long verify;               /* X509_V_ERR_..., if a certificate did not
                                  verify; or 0 */
    char text[POP_ERROR_TEXT]; /* what happened; "" where the status says
                                  it all */
};

#endif
