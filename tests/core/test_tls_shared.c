#include "core/tls/tls_shared.h"

#include <openssl/ssl.h>
#include <string.h>

#include "support.h"

static const struct pop_tls_options unverified = {.verify = false};

static struct ssl_ctx_st *
new_config(void)
{
    struct ssl_ctx_st *config;
    struct pop_error error;

    assert_int_equal(pop_tls_config_new(&unverified, &config, &error), POP_OK);
    return config;
}

/* The identity of this path, nothing being there, in one of its states. */
static struct pop_tls_identity
identify(char path, char state)
{
    const char ca[] = {'/', path, '\0'};
    const struct pop_tls_options options = {.verify = true, .ca = ca};
    struct pop_tls_identity identity;
    struct pop_error error;

    assert_int_equal(pop_tls_identity_take(&options, &identity, &error),
                     POP_OK);
    assert_true(identity.settled);
    assert_string_equal(identity.directory, "");
    identity.state[0] ^= (unsigned char)state;
    return identity;
}

static struct ssl_ctx_st *
add(struct pop_tls_shared *shared, char path, char state)
{
    struct pop_tls_identity identity = identify(path, state);
    struct ssl_ctx_st *config = new_config();

    pop_tls_shared_add(shared, &identity, config);
    pop_tls_config_free(config);
    return config;
}

static struct ssl_ctx_st *
find(struct pop_tls_shared *shared, char path, char state)
{
    struct pop_tls_identity identity = identify(path, state);
    struct ssl_ctx_st *config = pop_tls_shared_find(shared, &identity);

    if (config != NULL) {
        pop_tls_config_free(config);
    }
    return config;
}

static void
test_what_was_not_used_for_longest_goes(void **state)
{
    struct pop_tls_shared shared = {0};
    struct ssl_ctx_st *first = add(&shared, 'A', 0);
    int i;

    (void)state;
    for (i = 1; i < POP_TLS_MOST_SHARED; i++) {
        (void)add(&shared, (char)('A' + i), 0);
    }
    assert_ptr_equal(find(&shared, 'A', 0), first);
    (void)add(&shared, 'Z', 0);
    assert_ptr_equal(find(&shared, 'A', 0), first);
    assert_null(find(&shared, 'B', 0));
    assert_non_null(find(&shared, 'C', 0));
    pop_tls_shared_clear(&shared);
    assert_null(find(&shared, 'A', 0));
}

static void
test_a_new_state_replaces_the_old(void **state)
{
    struct pop_tls_shared shared = {0};
    struct ssl_ctx_st *config;

    (void)state;
    (void)add(&shared, 'A', 0);
    (void)add(&shared, 'B', 0);
    config = add(&shared, 'A', 1);
    assert_ptr_equal(find(&shared, 'A', 1), config);
    assert_null(find(&shared, 'A', 0));
    assert_non_null(find(&shared, 'B', 0));
    assert_null(shared.configs[2].config);
    pop_tls_shared_clear(&shared);
}

static void
test_an_owner_keeps_what_is_dropped(void **state)
{
    struct pop_tls_shared shared = {0};
    struct pop_tls_identity identity = identify('A', 0);
    struct ssl_ctx_st *config;
    struct ssl_st *ssl;
    struct pop_error error;

    (void)state;
    (void)add(&shared, 'A', 0);
    config = pop_tls_shared_find(&shared, &identity);
    pop_tls_shared_clear(&shared);
    assert_int_equal(pop_tls_config_session(config, "a.org", &ssl, &error),
                     POP_OK);
    SSL_free(ssl);
    pop_tls_config_free(config);
}

static void
test_directories(void **state)
{
    const struct pop_tls_options options[] = {
        {.verify = true, .ca = "/"},
        {.verify = true, .ca = "/dev/null"},
        {.verify = true},
        {.verify = false, .ca = "/"},
    };
    struct pop_tls_identity identities[4];
    struct pop_error error;
    char many[1100];
    int i;

    (void)state;
    setenv("SSL_CERT_DIR", "/:/usr", 1);
    for (i = 0; i < 4; i++) {
        assert_int_equal(
            pop_tls_identity_take(&options[i], &identities[i], &error),
            POP_OK);
        assert_string_equal(identities[i].directory, i == 0 ? "/" : "");
        assert_true(i == 0 ||
                    !pop_tls_identity_equals(&identities[i], &identities[0]));
    }
    assert_false(identities[1].settled); /* a device */
    memset(many, 'a', sizeof(many));
    many[sizeof(many) - 1] = '\0';
    setenv("SSL_CERT_DIR", many, 1);
    assert_int_equal(
        pop_tls_identity_take(&options[2], &identities[2], &error), POP_OK);
    assert_false(identities[2].settled);
    unsetenv("SSL_CERT_DIR");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT_TEST(test_what_was_not_used_for_longest_goes),
        UNIT_TEST(test_a_new_state_replaces_the_old),
        UNIT_TEST(test_an_owner_keeps_what_is_dropped),
        UNIT_TEST(test_directories),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
