/* A transport that does what an input says, and checks what it is asked. */

#ifndef POP_TEST_FLAKY_H
#define POP_TEST_FLAKY_H

#include "core/net/transport.h"
#include "fuzz.h"

/* What a call failed with. */
struct flaky_failure {
    enum pop_status status;
    int sys;
};

struct flaky {
    struct pop_transport base;
    struct fuzz_input script; /* an octet for each call; then all succeed */
    struct fuzz_input server; /* what is still to be received */
    int64_t timeout;          /* of calls that may wait */
    size_t queued;            /* octets, by the client: 0, 1, 2 ... */
    size_t sent;
    bool is_unclear; /* what it says of sends that fail */
    size_t interrupts;
    int64_t clock;
    /* Of the operation that is under way: */
    bool has_waited;  /* there was a call that may wait */
    bool must_resume; /* the next one has this deadline, unless something
                         is sent before */
    int64_t resume_at;
    bool recv_failed; /* for good: then nothing else is asked */
    bool send_failed;
    struct flaky_failure last_recv;
    struct flaky_failure last_send;
    struct flaky_failure last_wait;
};

extern const struct pop_transport_ops flaky_duplex;
extern const struct pop_transport_ops flaky_half_duplex;

/* The client begins an operation, which goes on with the interrupted one. */
void flaky_begin(struct flaky *self, bool resumes);

/* The operation has failed like this, which was a call's failure. */
void flaky_check_failure(const struct flaky *self, enum pop_status status,
                         const struct pop_error *error);

#endif
