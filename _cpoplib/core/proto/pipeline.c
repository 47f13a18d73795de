#include "core/proto/pipeline.h"

#include <assert.h>

#include "core/proto/mem.h"

#define FIRST_CAPACITY 64

void
pop_pipeline_init(struct pop_pipeline *pipeline)
{
    pipeline->entries = NULL;
    pipeline->capacity = 0;
    pipeline->head = 0;
    pipeline->count = 0;
    pipeline->octets = 0;
    pipeline->begun = false;
    pipeline->sent = 0;
}

void
pop_pipeline_release(struct pop_pipeline *pipeline)
{
    POP_FREE(pipeline->entries);
    pop_pipeline_init(pipeline);
}

static struct pop_expected *
entry(const struct pop_pipeline *pipeline, size_t index)
{
    return &pipeline->entries[(pipeline->head + index) % pipeline->capacity];
}

static enum pop_status
grow(struct pop_pipeline *pipeline)
{
    size_t capacity = pipeline->capacity == 0 ? FIRST_CAPACITY
                                              : 2 * pipeline->capacity;
    struct pop_expected *entries;
    size_t i;

    if (capacity > (size_t)-1 / 2 / sizeof(*entries)) {
        return POP_NO_MEMORY;
    }
    entries = POP_MALLOC(capacity * sizeof(*entries));
    if (entries == NULL) {
        return POP_NO_MEMORY;
    }
    for (i = 0; i < pipeline->count; i++) {
        entries[i] = *entry(pipeline, i);
    }
    POP_FREE(pipeline->entries);
    pipeline->entries = entries;
    pipeline->capacity = capacity;
    pipeline->head = 0;
    return POP_OK;
}

enum pop_status
pop_pipeline_push(struct pop_pipeline *pipeline,
                  const struct pop_expected *reply)
{
    if (pipeline->count == pipeline->capacity) {
        enum pop_status status = grow(pipeline);

        if (status != POP_OK) {
            return status;
        }
    }
    if (pipeline->count == 0) {
        pipeline->sent = 0;
    }
    *entry(pipeline, pipeline->count) = *reply;
    pipeline->count++;
    pipeline->octets += reply->octets;
    pipeline->sent++;
    return POP_OK;
}

const struct pop_expected *
pop_pipeline_next(const struct pop_pipeline *pipeline)
{
    return pipeline->count == 0 ? NULL : entry(pipeline, 0);
}

bool
pop_pipeline_all_have_lines(const struct pop_pipeline *pipeline)
{
    size_t i;

    for (i = 0; i < pipeline->count; i++) {
        if (entry(pipeline, i)->form == POP_NO_LINES) {
            return false;
        }
    }
    return true;
}

void
pop_pipeline_begin(struct pop_pipeline *pipeline)
{
    pipeline->begun = pipeline->count > 0;
}

void *
pop_pipeline_pop(struct pop_pipeline *pipeline)
{
    const struct pop_expected *first = entry(pipeline, 0);

    assert(pipeline->count > 0 && pipeline->begun);
    pipeline->begun = false;
    pipeline->octets -= first->octets;
    pipeline->head = (pipeline->head + 1) % pipeline->capacity;
    pipeline->count--;
    return first->owner;
}

void
pop_pipeline_disown(struct pop_pipeline *pipeline, const void *owner)
{
    size_t i;

    for (i = 0; i < pipeline->count; i++) {
        if (entry(pipeline, i)->owner == owner) {
            entry(pipeline, i)->owner = NULL;
        }
    }
}
