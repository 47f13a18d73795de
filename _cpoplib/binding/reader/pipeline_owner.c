#include "binding/reader/pipeline_owner.h"

#include "core/proto/pipeline.h"

void
pipeline_owner_gone(ReaderObject *reader, const struct pipeline_owner *owner)
{
    struct held *held = reader->held;
    size_t i;

    pop_pipeline_disown(&reader->progress.ahead, owner);
    for (i = 0; held != NULL && i < held->count; i++) {
        if (held->answers[i].owner == owner) {
            held->answers[i].owner = NULL;
        }
    }
}
