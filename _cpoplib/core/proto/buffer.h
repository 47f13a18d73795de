/* A byte queue: bytes are received into its free space and read in place from
   its front.  Calls mem.h. */

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
    size_t cap;  /* capacity never exceeds it */
};

/* Makes an empty buffer, which allocates at the first reserve. */
void pop_buffer_init(struct pop_buffer *buffer, size_t cap);

/* Frees the memory.  The buffer is then empty and usable. */
void pop_buffer_release(struct pop_buffer *buffer);

/* Makes room for at least `room` bytes after the unread ones: moves those to
   the front, or grows by at least half.  Pointers into the buffer become
   invalid; offsets from its first unread byte stay valid.  Returns POP_OK, or,
   with the buffer unchanged, POP_TOO_LONG over the cap or POP_NO_MEMORY. */
enum pop_status pop_buffer_reserve(struct pop_buffer *buffer, size_t room);

/* Copies bytes after the unread ones.  Returns what pop_buffer_reserve()
   returns. */
enum pop_status pop_buffer_append(struct pop_buffer *buffer, const char *bytes,
                                  size_t length);

/* Adds `length` bytes, which the caller wrote to the free space. */
void pop_buffer_commit(struct pop_buffer *buffer, size_t length);

/* Removes `length` bytes from the front. */
void pop_buffer_consume(struct pop_buffer *buffer, size_t length);

/* Frees the memory if the buffer is empty and larger than `keep` bytes. */
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
