#include "core/proto/buffer.h"

#include <assert.h>
#include <string.h>

#include "core/proto/mem.h"

void
pop_buffer_init(struct pop_buffer *buffer, size_t cap)
{
    buffer->data = NULL;
    buffer->capacity = 0;
    buffer->head = 0;
    buffer->tail = 0;
    buffer->cap = cap;
}

void
pop_buffer_release(struct pop_buffer *buffer)
{
    POP_FREE(buffer->data);
    pop_buffer_init(buffer, buffer->cap);
}

static void
move_to_front(struct pop_buffer *buffer)
{
    size_t length = pop_buffer_length(buffer);

    if (buffer->head == 0) {
        return;
    }
    memmove(buffer->data, pop_buffer_bytes(buffer), length);
    buffer->head = 0;
    buffer->tail = length;
}

/* The next capacity that holds `needed` bytes, or 0 if the cap forbids it. */
static size_t
grown_capacity(const struct pop_buffer *buffer, size_t needed)
{
    size_t capacity;

    if (needed > buffer->cap) {
        return 0;
    }
    if (buffer->capacity > buffer->cap - buffer->capacity / 2) {
        return buffer->cap;
    }
    capacity = buffer->capacity + buffer->capacity / 2;
    return capacity < needed ? needed : capacity;
}

enum pop_status
pop_buffer_reserve(struct pop_buffer *buffer, size_t room)
{
    size_t length = pop_buffer_length(buffer);
    size_t capacity;
    char *data;

    if (pop_buffer_room(buffer) >= room) {
        return POP_OK;
    }
    if (buffer->capacity - length >= room) {
        move_to_front(buffer);
        return POP_OK;
    }
    if (room > POP_BUFFER_NO_CAP - length) {
        return POP_TOO_LONG;
    }
    capacity = grown_capacity(buffer, length + room);
    if (capacity == 0) {
        return POP_TOO_LONG;
    }
    move_to_front(buffer);
    data = POP_REALLOC(buffer->data, capacity);
    if (data == NULL) {
        return POP_NO_MEMORY;
    }
    buffer->data = data;
    buffer->capacity = capacity;
    return POP_OK;
}

enum pop_status
pop_buffer_append(struct pop_buffer *buffer, const char *bytes, size_t length)
{
    enum pop_status status = pop_buffer_reserve(buffer, length);

    if (status != POP_OK || length == 0) {
        return status;
    }
    memcpy(pop_buffer_space(buffer), bytes, length);
    pop_buffer_commit(buffer, length);
    return POP_OK;
}

void
pop_buffer_commit(struct pop_buffer *buffer, size_t length)
{
    assert(length <= pop_buffer_room(buffer));
    buffer->tail += length;
}

void
pop_buffer_consume(struct pop_buffer *buffer, size_t length)
{
    assert(length <= pop_buffer_length(buffer));
    buffer->head += length;
    if (buffer->head == buffer->tail) {
        buffer->head = 0;
        buffer->tail = 0;
    }
}

void
pop_buffer_trim(struct pop_buffer *buffer, size_t keep)
{
    if (buffer->capacity > keep && pop_buffer_length(buffer) == 0) {
        pop_buffer_release(buffer);
    }
}
