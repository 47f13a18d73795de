/* Results of core functions: one status, and details out of band. */

#ifndef POP_STATUS_H
#define POP_STATUS_H

enum pop_status {
    POP_OK = 0,
    POP_NEED_INPUT,  /* the bytes at hand end inside a line or a reply */
    POP_EOF,         /* the peer has closed its side */
    POP_TIMEOUT,     /* the deadline has passed, or waiting is forbidden */
    POP_INTERRUPTED, /* EINTR: run signal handlers, then call again */
    POP_TOO_LONG,    /* a line over its limit, or a buffer over its cap */
    POP_CONTROL,     /* a control character in a command */
    POP_NO_MEMORY,
    POP_SYSTEM, /* a system call failed: pop_error.sys */
    POP_HOST    /* the host of the transport has an exception pending */
};

/* Details of a failure.  It lives in the caller's frame, never on the
   connection, and is meaningful only for the status that it came with. */
struct pop_error {
    int sys; /* errno, for POP_SYSTEM */
};

#endif
