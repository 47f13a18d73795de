/* What the unit tests of core/ share: cmocka, its memory, input at the end of
   a page, sockets, signals and threads. */

#ifndef POP_TEST_SUPPORT_H
#define POP_TEST_SUPPORT_H

/* cmocka.h relies on these. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* cmocka 2 has this name, and deprecates the other. */
#ifndef assert_uint_in_range
#define assert_uint_in_range assert_in_range
#endif

#include <pthread.h>
#include <stdbool.h>

#include "core/net/transport.h"
#include "support_memory.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

#define NS_PER_MS INT64_C(1000000)

/* A test whose teardown fails if a block of core/ has not been freed. */
#define UNIT_TEST(function)                                                   \
    cmocka_unit_test_setup_teardown(function, support_setup, support_teardown)

int support_setup(void **state);
int support_teardown(void **state);

/* A copy of some bytes that ends where an unreadable page begins. */
struct support_page {
    char *bytes;
    void *mapping;
    size_t size;
};

struct support_page support_page_new(const char *bytes, size_t length);
void support_page_free(struct support_page *page);

/* Connected stream sockets. */
void support_socketpair(int fds[2]);
void support_tcp_pair(int fds[2]);
void support_shrink_send_buffer(int fd);

/* Fills the send buffer of `fd`; how many bytes that took. */
size_t support_fill_send_buffer(int fd);

void support_close_pair(int fds[2]);

int64_t support_monotonic_ms(void);
void support_sleep_ms(int ms);

/* SIGALRM every `ms` milliseconds, with a handler without SA_RESTART. */
void support_start_signals(int ms);
void support_stop_signals(void);

/* Something done in another thread after a delay. */
struct support_task {
    int delay_ms;
    int fd;
    void *context;
    const char *bytes; /* to be sent */
    char *space;       /* for what is received */
    size_t length;     /* of either */
    size_t done;       /* how much of it */
    void (*run)(struct support_task *task);
    pthread_t thread;
};

void support_send_all(struct support_task *task);
void support_receive_all(struct support_task *task);

void support_start(struct support_task *task);
void support_join(struct support_task *task);

#endif
