/* A short list of configs, in the order of their last use. */

#include "core/tls/tls_shared.h"

#include <string.h>

/* Moves one to the front. */
static void
use(struct pop_tls_shared *shared, int at)
{
    struct pop_tls_shared_config used = shared->configs[at];

    memmove(shared->configs + 1, shared->configs, (size_t)at * sizeof(used));
    shared->configs[0] = used;
}

static void
drop(struct pop_tls_shared *shared, int at)
{
    struct pop_tls_shared_config *place = shared->configs + at;

    pop_tls_config_free(place->config);
    memmove(place, place + 1,
            (size_t)(POP_TLS_MOST_SHARED - 1 - at) * sizeof(*place));
    shared->configs[POP_TLS_MOST_SHARED - 1].config = NULL;
}

/* Returns true if a config of this identity made now would verify as this one.
   If certificates of several places are in memory, nobody knows of which. */
static bool
is_current(const struct pop_tls_shared_config *shared)
{
    return pop_tls_identity_count(shared->config) == shared->count ||
           (shared->count == 0 && shared->identity.directory[0] != '\0' &&
            pop_tls_identity_has_all(shared->config,
                                     shared->identity.directory,
                                     shared->identity.at));
}

struct ssl_ctx_st *
pop_tls_shared_find(struct pop_tls_shared *shared,
                    const struct pop_tls_identity *identity)
{
    int i;

    for (i = 0; i < POP_TLS_MOST_SHARED; i++) {
        struct pop_tls_shared_config *each = shared->configs + i;

        if (each->config == NULL ||
            !pop_tls_identity_equals(&each->identity, identity)) {
            continue;
        }
        if (!is_current(each)) {
            drop(shared, i);
            return NULL;
        }
        use(shared, i);
        return pop_tls_config_share(shared->configs[0].config);
    }
    return NULL;
}

void
pop_tls_shared_add(struct pop_tls_shared *shared,
                   const struct pop_tls_identity *identity,
                   struct ssl_ctx_st *config)
{
    int last = POP_TLS_MOST_SHARED - 1;
    int i;

    for (i = 0; i < last; i++) {
        const struct pop_tls_shared_config *each = shared->configs + i;

        if (each->config == NULL ||
            memcmp(each->identity.source, identity->source,
                   sizeof(identity->source)) == 0) {
            break;
        }
    }
    pop_tls_config_free(shared->configs[i].config);
    shared->configs[i].config = pop_tls_config_share(config);
    shared->configs[i].identity = *identity;
    shared->configs[i].count = pop_tls_identity_count(config);
    use(shared, i);
}

void
pop_tls_shared_clear(struct pop_tls_shared *shared)
{
    while (shared->configs[0].config != NULL) {
        drop(shared, 0);
    }
}
