#include "support_memory.h"

#include <stdlib.h>

#include "core/proto/mem.h"

static size_t live_blocks;
static bool failing;
static bool has_failed;
static size_t until_failure;

void
support_reset_memory(void)
{
    live_blocks = 0;
    failing = false;
}

size_t
support_live_blocks(void)
{
    return live_blocks;
}

void
support_fail_allocation(size_t index)
{
    failing = true;
    has_failed = false;
    until_failure = index;
}

bool
support_stop_failing(void)
{
    failing = false;
    return has_failed;
}

static bool
must_fail(void)
{
    if (!failing || has_failed) {
        return false;
    }
    has_failed = until_failure == 0;
    until_failure--;
    return has_failed;
}

void *
pop_test_malloc(size_t size)
{
    return pop_test_realloc(NULL, size);
}

void *
pop_test_realloc(void *block, size_t size)
{
    void *moved = must_fail() ? NULL : realloc(block, size);

    if (block == NULL && moved != NULL) {
        live_blocks++;
    }
    return moved;
}

void
pop_test_free(void *block)
{
    if (block != NULL) {
        live_blocks--;
    }
    free(block);
}
