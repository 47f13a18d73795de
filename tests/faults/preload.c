/* Preloaded into a client: what the extension module asks of the system fails
   when the test says so.  The calls of anybody else are passed on.  A
   sanitizer has allocation functions of its own, which no others go before. */

#define _GNU_SOURCE

#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

enum function {
    NONE,
    ALLOCATE,
    RECV,
    SEND,
    POLL,
    WRITEV,
    CONNECT
};

/* What a call does instead; any positive number is that errno. */
#define ONE_OCTET (-1)
#define NOTHING_MORE 0

#define MOST_BLOCKS 4096

struct plan {
    enum function function;
    long number; /* of the call, counted from 0 */
    int failure;
    long calls;
    bool hit;
};

static struct plan plan;
static uintptr_t module_start;
static uintptr_t module_end;
static long live_blocks;

static bool
is_of_module(void *address)
{
    uintptr_t place = (uintptr_t)address;

    return place >= module_start && place < module_end;
}

static int
note_module(struct dl_phdr_info *info, size_t size, void *name)
{
    int i;

    (void)size;
    if (strstr(info->dlpi_name, name) == NULL) {
        return 0;
    }
    for (i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *header = &info->dlpi_phdr[i];

        if (header->p_type == PT_LOAD && (header->p_flags & PF_X) != 0) {
            module_start = info->dlpi_addr + header->p_vaddr;
            module_end = module_start + header->p_memsz;
        }
    }
    return 1;
}

/* To be called once; false if no module has that in its name. */
int
faults_watch(char *name)
{
    return dl_iterate_phdr(note_module, name);
}

void
faults_begin(int function, long number, int failure)
{
    plan = (struct plan){function, number, failure, 0, false};
}

/* Whether the call that was to fail has come. */
int
faults_end(void)
{
    bool hit = plan.hit;

    plan = (struct plan){0};
    return hit;
}

/* How many blocks that the module has allocated since it was watched are
   there still. */
long
faults_live_blocks(void)
{
    return live_blocks;
}

static bool
must_fail(enum function function, void *caller)
{
    bool fails;

    if (plan.function != function ||
        (function != CONNECT && !is_of_module(caller))) {
        return false;
    }
    fails = plan.calls == plan.number;
    plan.calls++;
    plan.hit = plan.hit || fails;
    return fails;
}

/* What a failing call returns, if it is not to do a part of its work. */
static int
failed(void)
{
    if (plan.failure == NOTHING_MORE) {
        return 0;
    }
    errno = plan.failure;
    return -1;
}

static void *
real(const char *name)
{
    return dlsym(RTLD_NEXT, name);
}

#ifndef SANITIZED

static void *blocks[MOST_BLOCKS]; /* that the module has allocated */

static void
note_block(void *block)
{
    if (live_blocks == MOST_BLOCKS) {
        abort();
    }
    blocks[live_blocks++] = block;
}

/* Whoever frees it: the interpreter's functions may be called by a jump. */
static bool
forget_block(const void *block)
{
    long i;

    for (i = live_blocks - 1; i >= 0; i--) {
        if (blocks[i] == block) {
            blocks[i] = blocks[--live_blocks];
            return true;
        }
    }
    return false;
}

static void *
reallocate(void *block, size_t size, void *caller)
{
    static void *(*next)(void *, size_t);
    void *moved;

    if (next == NULL) {
        next = (void *(*)(void *, size_t))real("realloc");
    }
    if (must_fail(ALLOCATE, caller)) {
        return NULL;
    }
    moved = next(block, size);
    if (moved != NULL &&
        (block == NULL ? is_of_module(caller) : forget_block(block))) {
        note_block(moved);
    }
    return moved;
}

void *
malloc(size_t size)
{
    return reallocate(NULL, size, __builtin_return_address(0));
}

void *
realloc(void *block, size_t size)
{
    return reallocate(block, size, __builtin_return_address(0));
}

void
free(void *block)
{
    static void (*next)(void *);

    if (next == NULL) {
        next = (void (*)(void *))real("free");
    }
    (void)forget_block(block);
    next(block);
}

#endif

ssize_t
recv(int fd, void *space, size_t room, int flags)
{
    static ssize_t (*next)(int, void *, size_t, int);

    if (next == NULL) {
        next = (ssize_t(*)(int, void *, size_t, int))real("recv");
    }
    if (!must_fail(RECV, __builtin_return_address(0))) {
        return next(fd, space, room, flags);
    }
    return plan.failure == ONE_OCTET ? next(fd, space, 1, flags) : failed();
}

ssize_t
send(int fd, const void *octets, size_t length, int flags)
{
    static ssize_t (*next)(int, const void *, size_t, int);

    if (next == NULL) {
        next = (ssize_t(*)(int, const void *, size_t, int))real("send");
    }
    if (!must_fail(SEND, __builtin_return_address(0))) {
        return next(fd, octets, length, flags);
    }
    return plan.failure == ONE_OCTET ? next(fd, octets, 1, flags) : failed();
}

int
poll(struct pollfd *descriptors, nfds_t count, int timeout)
{
    static int (*next)(struct pollfd *, nfds_t, int);

    if (next == NULL) {
        next = (int (*)(struct pollfd *, nfds_t, int))real("poll");
    }
    if (!must_fail(POLL, __builtin_return_address(0))) {
        return next(descriptors, count, timeout);
    }
    return failed();
}

ssize_t
writev(int fd, const struct iovec *pieces, int count)
{
    static ssize_t (*next)(int, const struct iovec *, int);
    struct iovec first;

    if (next == NULL) {
        next = (ssize_t(*)(int, const struct iovec *, int))real("writev");
    }
    if (!must_fail(WRITEV, __builtin_return_address(0))) {
        return next(fd, pieces, count);
    }
    if (plan.failure != ONE_OCTET) {
        return failed();
    }
    first = (struct iovec){pieces[0].iov_base, pieces[0].iov_len > 0};
    return next(fd, &first, 1);
}

int
connect(int fd, const struct sockaddr *address, socklen_t length)
{
    static int (*next)(int, const struct sockaddr *, socklen_t);

    if (next == NULL) {
        next = (int (*)(int, const struct sockaddr *, socklen_t))real(
            "connect");
    }
    if (!must_fail(CONNECT, NULL)) {
        return next(fd, address, length);
    }
    if (plan.failure == EINTR && next(fd, address, length) != 0) {
        return -1;
    }
    return failed();
}
