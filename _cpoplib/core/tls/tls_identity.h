/* What a config would be made of at this moment: the options, and the state of
   the files with trusted certificates.  Calls tls_config.h, tls_trust.h,
   tls_error.h and core/net/deadline.h. */

#ifndef POP_TLS_IDENTITY_H
#define POP_TLS_IDENTITY_H

#include <stdbool.h>
#include <stdint.h>

#include "core/proto/status.h"
#include "core/tls/tls_config.h"

#define POP_TLS_DIGEST_OCTETS 32

struct pop_tls_identity {
    unsigned char source[POP_TLS_DIGEST_OCTETS]; /* of the options, and of the
                                                    paths they stand for */
    unsigned char state[POP_TLS_DIGEST_OCTETS];  /* of the files there */
    int64_t at;   /* nanoseconds of the real-time clock */
    bool settled; /* a later change will show in `state`: the files are files
                     and directories, and their last change is a while ago */
    char directory[1024]; /* the one that certificates are looked up in; empty
                             if there is none or several */
};

/* Describes a config with these options, which name no client certificate.
   Opens no file.  Returns POP_OK, POP_NO_MEMORY or POP_TLS. */
enum pop_status pop_tls_identity_take(const struct pop_tls_options *options,
                                      struct pop_tls_identity *identity,
                                      struct pop_error *error);

bool pop_tls_identity_equals(const struct pop_tls_identity *one,
                             const struct pop_tls_identity *other);

/* Counts the certificates that the config holds in memory.  Those of a
   directory come when a handshake looks for them. */
int pop_tls_identity_count(struct ssl_ctx_st *config);

/* Returns true if `directory` still has each certificate that the config
   holds, in a file that has not changed since `made`, a time of that clock.
   A directory's own state does not tell of files that were rewritten, nor of
   links that lead elsewhere now.  Reads those files. */
bool pop_tls_identity_has_all(struct ssl_ctx_st *config, const char *directory,
                              int64_t made);

#endif
