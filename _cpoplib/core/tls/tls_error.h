/* OpenSSL's error queue, and the ssl module's names for its codes.  Calls
   nothing else in core/. */

#ifndef POP_TLS_ERROR_H
#define POP_TLS_ERROR_H

#include <stddef.h>

#include "core/proto/status.h"

/* Clears this thread's queue of what others have left.  Called before every
   OpenSSL call whose errors matter. */
void pop_tls_error_clear(void);

/* Takes this thread's newest error, directly after the failed call.  Skips a
   system call's error if there is another: since OpenSSL 3.5 the newest may be
   that an alert could not be sent.  Returns POP_TLS, or POP_NO_MEMORY if that
   was the error. */
enum pop_status pop_tls_error_take(struct pop_error *error);

/* Returns the ssl module's name of the library, such as "SSL", or NULL. */
const char *pop_tls_error_library(unsigned long code);

/* Returns the reason in words, such as "wrong version number", or NULL. */
const char *pop_tls_error_reason(unsigned long code);

/* Writes the ssl module's name of the reason, such as "WRONG_VERSION_NUMBER",
   or "". */
void pop_tls_error_name(unsigned long code, char *name, size_t size);

#endif
