#include "support.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

int
support_setup(void **state)
{
    (void)state;
    support_reset_memory();
    return 0;
}

int
support_teardown(void **state)
{
    (void)state;
    if (support_live_blocks() != 0) {
        print_error("%zu blocks have not been freed\n", support_live_blocks());
    }
    return support_live_blocks() == 0 ? 0 : -1;
}

struct support_page
support_page_new(const char *bytes, size_t length)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t readable = (length / page + 1) * page;
    struct support_page copy = {.size = readable + page};
    char *start;

    copy.mapping = mmap(NULL, copy.size, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(copy.mapping != MAP_FAILED);
    start = copy.mapping;
    assert_int_equal(mprotect(start + readable, page, PROT_NONE), 0);
    copy.bytes = start + readable - length;
    if (length > 0) {
        memcpy(copy.bytes, bytes, length);
    }
    return copy;
}

void
support_page_free(struct support_page *page)
{
    assert_int_equal(munmap(page->mapping, page->size), 0);
}

void
support_socketpair(int fds[2])
{
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
}

void
support_tcp_pair(int fds[2])
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof(address);
    int listener = socket(AF_INET, SOCK_STREAM, 0);

    assert_true(listener >= 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &size),
                     0);
    fds[0] = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fds[0], (struct sockaddr *)&address, size), 0);
    fds[1] = accept(listener, NULL, NULL);
    assert_true(fds[1] >= 0);
    assert_int_equal(close(listener), 0);
}

void
support_shrink_send_buffer(int fd)
{
    int size = 1;

    assert_int_equal(
        setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)), 0);
}

size_t
support_fill_send_buffer(int fd)
{
    static const char zeros[1024];
    size_t total = 0;

    for (;;) {
        ssize_t n = send(fd, zeros, sizeof(zeros), MSG_DONTWAIT);

        if (n < 0) {
            assert_true(errno == EAGAIN || errno == EWOULDBLOCK);
            return total;
        }
        total += (size_t)n;
    }
}

void
support_close_pair(int fds[2])
{
    assert_int_equal(close(fds[0]), 0);
    assert_int_equal(close(fds[1]), 0);
}

int64_t
support_monotonic_ms(void)
{
    struct timespec now;

    assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &now), 0);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / NS_PER_MS;
}

void
support_sleep_ms(int ms)
{
    struct timespec left = {ms / 1000, ms % 1000 * NS_PER_MS};

    while (nanosleep(&left, &left) != 0 && errno == EINTR) {
        continue;
    }
}

static void
ignore_signal(int number)
{
    (void)number;
}

static void
set_timer(int ms)
{
    struct itimerval timer = {
        .it_interval = {.tv_usec = ms * 1000},
        .it_value = {.tv_usec = ms * 1000},
    };

    assert_int_equal(setitimer(ITIMER_REAL, &timer, NULL), 0);
}

void
support_start_signals(int ms)
{
    struct sigaction action = {.sa_handler = ignore_signal};

    assert_int_equal(sigaction(SIGALRM, &action, NULL), 0);
    set_timer(ms);
}

void
support_stop_signals(void)
{
    set_timer(0);
}

void
support_send_all(struct support_task *task)
{
    while (task->done < task->length) {
        ssize_t n = send(task->fd, task->bytes + task->done,
                         task->length - task->done, MSG_NOSIGNAL);

        if (n < 0) {
            return;
        }
        task->done += (size_t)n;
    }
}

void
support_receive_all(struct support_task *task)
{
    while (task->done < task->length) {
        ssize_t n = recv(task->fd, task->space + task->done,
                         task->length - task->done, 0);

        if (n <= 0) {
            return;
        }
        task->done += (size_t)n;
    }
}

static void *
run_task(void *argument)
{
    struct support_task *task = argument;

    support_sleep_ms(task->delay_ms);
    task->run(task);
    return NULL;
}

void
support_start(struct support_task *task)
{
    task->done = 0;
    assert_int_equal(pthread_create(&task->thread, NULL, run_task, task), 0);
}

void
support_join(struct support_task *task)
{
    assert_int_equal(pthread_join(task->thread, NULL), 0);
}
