/* OpenSSL's error queue, and what its codes are called. */

#ifndef POP_TLS_ERROR_H
#define POP_TLS_ERROR_H

#include <stddef.h>

#include "core/proto/status.h"

/* Before every OpenSSL call whose errors matter: what others have left in
   this thread's queue is nobody's. */
void pop_tls_error_clear(void);

/* Takes the newest error of this thread's queue, a system call's only if there
   is no other: since 3.5 the last may be that an alert could not be sent.
   Right behind the call that failed.  Always POP_TLS, or POP_NO_MEMORY if that
   is what happened. */
enum pop_status pop_tls_error_take(struct pop_error *error);

/* What the ssl module calls the library: "SSL", "X509"; NULL if unknown. */
const char *pop_tls_error_library(unsigned long code);

/* The reason in words, "wrong version number"; NULL if unknown. */
const char *pop_tls_error_reason(unsigned long code);

/* The reason's name in the ssl module, "WRONG_VERSION_NUMBER", into `name`;
   empty if it has none. */
void pop_tls_error_name(unsigned long code, char *name, size_t size);

#endif
