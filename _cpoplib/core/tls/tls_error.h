/* OpenSSL's error queue, and the parts of its codes, for which
   poplib_c/_tls.py has names.  Calls nothing else in core/. */

#ifndef POP_TLS_ERROR_H
#define POP_TLS_ERROR_H

#include "core/proto/status.h"

/* Clears this thread's queue of what others have left.  Called before every
   OpenSSL call whose errors matter. */
void pop_tls_error_clear(void);

/* Takes this thread's newest error, directly after the failed call.  Skips a
   system call's error if there is another: since OpenSSL 3.5 the newest may be
   that an alert could not be sent.  Returns POP_TLS, or POP_NO_MEMORY if that
   was the error. */
enum pop_status pop_tls_error_take(struct pop_error *error);

/* Returns OpenSSL's number of the library. */
int pop_tls_error_library(unsigned long code);

/* Returns the library's number of the reason; 0 for reasons that all libraries
   share, such as "internal error". */
int pop_tls_error_number(unsigned long code);

/* Returns the reason in words, such as "wrong version number", or NULL. */
const char *pop_tls_error_reason(unsigned long code);

#endif
