/* Configs that connections with equal options share, since reading the
   system's certificates takes longer than a connection.  One thread at a time
   uses a struct pop_tls_shared; the configs themselves may be used by several.
   Calls tls_identity.h and tls_config.h. */

#ifndef POP_TLS_SHARED_H
#define POP_TLS_SHARED_H

#include "core/tls/tls_identity.h"

/* Each may hold the system's certificates, about a megabyte. */
#define POP_TLS_MOST_SHARED 8

struct pop_tls_shared_config {
    struct ssl_ctx_st *config; /* NULL: the list ends here */
    struct pop_tls_identity identity;
    int count; /* of certificates in memory when it was made */
};

/* The last one used is the first.  All zeros: empty. */
struct pop_tls_shared {
    struct pop_tls_shared_config configs[POP_TLS_MOST_SHARED];
};

/* Returns the config with this identity, which the caller frees, or NULL.
   Drops one whose certificates have changed since it was made. */
struct ssl_ctx_st *
pop_tls_shared_find(struct pop_tls_shared *shared,
                    const struct pop_tls_identity *identity);

/* Keeps a config, which nobody may change any more, as another owner; drops
   one of the same source, or the one that was not used for longest. */
void pop_tls_shared_add(struct pop_tls_shared *shared,
                        const struct pop_tls_identity *identity,
                        struct ssl_ctx_st *config);

/* Frees the configs. */
void pop_tls_shared_clear(struct pop_tls_shared *shared);

#endif
