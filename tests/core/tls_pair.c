#include "tls_pair.h"

#include <fcntl.h>
#include <openssl/ec.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <sys/socket.h>

const int versions[2] = {TLS1_2_VERSION, TLS1_3_VERSION};

/* --- the server's certificate ------------------------------------------- */

static EVP_PKEY *
make_key(bool is_ed25519)
{
    int type = is_ed25519 ? EVP_PKEY_ED25519 : EVP_PKEY_EC;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_id(type, NULL);
    EVP_PKEY *key = NULL;

    assert_int_equal(EVP_PKEY_keygen_init(context), 1);
    if (!is_ed25519) {
        assert_int_equal(EVP_PKEY_CTX_set_ec_paramgen_curve_nid(
                             context, NID_X9_62_prime256v1),
                         1);
    }
    assert_int_equal(EVP_PKEY_keygen(context, &key), 1);
    EVP_PKEY_CTX_free(context);
    return key;
}

static void
push_name(GENERAL_NAMES *names, int type, ASN1_STRING *value)
{
    GENERAL_NAME *name = GENERAL_NAME_new();

    GENERAL_NAME_set0_value(name, type, value);
    assert_true(sk_GENERAL_NAME_push(names, name) > 0);
}

static void
push_dns_name(GENERAL_NAMES *names, const char *text, size_t length)
{
    ASN1_IA5STRING *value = ASN1_IA5STRING_new();

    assert_int_equal(ASN1_STRING_set(value, text, (int)length), 1);
    push_name(names, GEN_DNS, value);
}

static void
add_names(X509 *certificate, const struct tls_setup *setup)
{
    GENERAL_NAMES *names = GENERAL_NAMES_new();

    push_dns_name(names, "mail.example.org", 16);
    if (setup->address != NULL) {
        push_name(names, GEN_IPADD, a2i_IPADDRESS(setup->address));
    }
    if (setup->odd_name != NULL) {
        push_dns_name(names, setup->odd_name, setup->odd_length);
    }
    assert_int_equal(
        X509_add1_ext_i2d(certificate, NID_subject_alt_name, names, 0, 0), 1);
    GENERAL_NAMES_free(names);
}

static void
use_certificate(SSL_CTX *config, const struct tls_setup *setup)
{
    const char *digest = setup->digest == NULL ? "SHA256" : setup->digest;
    EVP_PKEY *key = make_key(setup->is_ed25519);
    X509 *certificate = X509_new();

    assert_int_equal(X509_set_version(certificate, 2), 1);
    assert_non_null(X509_gmtime_adj(X509_getm_notBefore(certificate), -86400));
    assert_non_null(X509_gmtime_adj(X509_getm_notAfter(certificate), 86400));
    assert_int_equal(
        X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN",
                                   MBSTRING_UTF8,
                                   (const unsigned char *)"test", -1, -1, 0),
        1);
    assert_int_equal(
        X509_set_issuer_name(certificate, X509_get_subject_name(certificate)),
        1);
    if (!setup->is_nameless) {
        add_names(certificate, setup);
    }
    assert_int_equal(X509_set_pubkey(certificate, key), 1);
    assert_true(
        X509_sign(certificate, key,
                  setup->is_ed25519 ? NULL : EVP_get_digestbyname(digest)));
    assert_int_equal(SSL_CTX_use_certificate(config, certificate), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(config, key), 1);
    X509_free(certificate);
    EVP_PKEY_free(key);
}

X509 *
certificate_of(const struct tls_pair *self)
{
    return SSL_CTX_get0_certificate(self->config);
}

/* --- life --------------------------------------------------------------- */

static void
open_client(struct tls_pair *self, bool verify)
{
    const struct pop_tls_options options = {.verify = verify};
    struct ssl_ctx_st *config;

    assert_int_equal(pop_tls_config_new(&options, &config, &self->error),
                     POP_OK);
    assert_int_equal(X509_STORE_add_cert(SSL_CTX_get_cert_store(config),
                                         certificate_of(self)),
                     1);
    assert_int_equal(
        pop_transport_tls_new(config, HOST, &self->transport, &self->error),
        POP_OK);
    pop_tls_config_free(config);
    pop_transport_tls_set(self->transport, self->fds[0]);
    pop_timeout_set(&self->timeout, POP_WAIT_NEVER);
}

void
open_tls(struct tls_pair *self, const struct tls_setup *setup)
{
    memset(self, 0, sizeof(*self));
    self->room = sizeof(self->space);
    support_socketpair(self->fds);
    assert_int_equal(fcntl(self->fds[1], F_SETFL, O_NONBLOCK), 0);
    self->config = SSL_CTX_new(TLS_server_method());
    assert_non_null(self->config);
    assert_int_equal(
        SSL_CTX_set_min_proto_version(self->config, setup->version), 1);
    assert_int_equal(
        SSL_CTX_set_max_proto_version(self->config, setup->version), 1);
    use_certificate(self->config, setup);
    self->server = SSL_new(self->config);
    assert_int_equal(SSL_set_fd(self->server, self->fds[1]), 1);
    SSL_set_accept_state(self->server);
    open_client(self, setup->verify);
}

void
close_tls(struct tls_pair *self)
{
    self->transport->ops->destroy(self->transport);
    SSL_free(self->server);
    SSL_CTX_free(self->config);
    support_close_pair(self->fds);
}

enum pop_status
shake_hands(struct tls_pair *self)
{
    enum pop_status status = POP_WANT_READ;
    int turns;

    for (turns = 0; turns < 20 && status == POP_WANT_READ; turns++) {
        status = pop_transport_tls_handshake(self->transport, &self->timeout,
                                             &self->error);
        (void)SSL_do_handshake(self->server);
    }
    return status;
}

void
connect_tls(struct tls_pair *self, int version)
{
    const struct tls_setup setup = {.version = version};

    open_tls(self, &setup);
    assert_int_equal(shake_hands(self), POP_OK);
}

SSL *
session_of(const struct tls_pair *self)
{
    return pop_transport_tls_session(self->transport);
}

/* --- bytes -------------------------------------------------------------- */

enum pop_status
tls_receive(struct tls_pair *self)
{
    return self->transport->ops->recv(self->transport, self->space, self->room,
                                      &self->done, &self->timeout,
                                      &self->error);
}

enum pop_status
tls_send(struct tls_pair *self, const char *text)
{
    return self->transport->ops->send(self->transport, text, strlen(text),
                                      &self->done, &self->timeout,
                                      &self->error);
}

void
assert_receives(struct tls_pair *self, const char *text)
{
    assert_int_equal(tls_receive(self), POP_OK);
    assert_int_equal(self->done, strlen(text));
    assert_memory_equal(self->space, text, strlen(text));
}

void
server_says(struct tls_pair *self, const char *text)
{
    int length = (int)strlen(text);

    assert_int_equal(SSL_write(self->server, text, length), length);
}

void
server_says_raw(struct tls_pair *self, const char *bytes, size_t length)
{
    assert_int_equal(send(self->fds[1], bytes, length, 0), length);
}
