#include "core/net/output.h"

#include <errno.h>
#include <string.h>
#include <sys/uio.h>

#define MOST_PIECES 64

/* As many of the next spans as one call takes. */
static int
gather(const struct pop_output *output, struct iovec *pieces)
{
    size_t i = output->done;
    size_t start = output->part;
    int count = 0;

    for (; i < output->count && count < MOST_PIECES; i++, count++) {
        /* writev() does not write through it. */
        char *bytes = (char *)output->bytes + output->spans[i].offset;

        pieces[count].iov_base = bytes + start;
        pieces[count].iov_len = output->spans[i].length - start;
        start = 0;
    }
    return count;
}

static void
advance(struct pop_output *output, size_t written)
{
    while (output->done < output->count) {
        size_t left = output->spans[output->done].length - output->part;

        if (written < left) {
            output->part += written;
            return;
        }
        written -= left;
        output->done++;
        output->part = 0;
    }
}

enum pop_status
pop_output_write(struct pop_output *output, struct pop_error *error)
{
    struct iovec pieces[MOST_PIECES];
    int count = gather(output, pieces);
    ssize_t written = writev(output->fd, pieces, count);

    if (written < 0) {
        memset(error, 0, sizeof(*error));
        error->sys = errno;
        return error->sys == EINTR ? POP_INTERRUPTED : POP_SYSTEM;
    }
    advance(output, (size_t)written);
    return POP_OK;
}
