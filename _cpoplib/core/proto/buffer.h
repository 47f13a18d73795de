/* A byte queue: bytes are received straight into its free space and read in
   place from its front. */

#ifndef POP_BUFFER_H
#define POP_BUFFER_H

#include <stddef.h>

#include "core/proto/status.h"

#define POP_BUFFER_NO_CAP ((size_t)-1 / 2)

struct pop_buffer {
    char *data;
    size_t capacity;
    size_t head; /* first unread byte */
    size_t tail; /* end of the unread bytes; head <= tail <= capacity */
    size_t cap;  /* capacity never grows over it */
};

/* An empty buffer; it allocates when first reserved. */
void pop_buffer_init(struct pop_buffer *buffer, size_t cap);

/* Frees the memory; the buffer is then empty and can be used again. */
void pop_buffer_release(struct pop_buffer *buffer);

/* Makes room for at least `room` bytes behind the unread ones, moving them to
   the front or growing (at least by half) as needed.  Pointers into the
   buffer are invalid afterwards; offsets from its unread bytes stay valid.
   POP_TOO_LONG over the cap, POP_NO_MEMORY; the buffer is then unchanged. */
enum pop_status pop_buffer_reserve(struct pop_buffer *buffer, size_t room);

/* Copies bytes behind the unread ones; fails as reserve does. */
enum pop_status pop_buffer_append(struct pop_buffer *buffer, const char *bytes,
                                  size_t length);

/* `length` bytes have been written to the free space. */
void pop_buffer_commit(struct pop_buffer *buffer, size_t length);

/* `length` bytes have been read from the front. */
void pop_buffer_consume(struct pop_buffer *buffer, size_t length);

/* Gives memory back if the buffer is empty and larger than `keep` bytes. */
void pop_buffer_trim(struct pop_buffer *buffer, size_t keep);

static inline const char *
pop_buffer_bytes(const struct pop_buffer *buffer)
{
    return buffer->data != NULL ? buffer->data + buffer->head : "";
}

static inline size_t
pop_buffer_length(const struct pop_buffer *buffer)
{
    return buffer->tail - buffer->head;
}

static inline char *
pop_buffer_space(const struct pop_buffer *buffer)
{
    return buffer->data + buffer->tail;
}

static inline size_t
pop_buffer_room(const struct pop_buffer *buffer)
{
    return buffer->capacity - buffer->tail;
}

#endif
