/* SSL_CTX from options and files; SSL with a host. */

#include "core/tls/tls_config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/tls/tls_error.h"
#include "core/tls/tls_trust.h"

/* Octets of one receive: several records. */
#define READ_AHEAD_OCTETS ((size_t)64 * 1024)

#define LONGEST_HOST 255

const char *
pop_tls_config_library(void)
{
    return OpenSSL_version(OPENSSL_VERSION);
}

/* --- files -------------------------------------------------------------- */

/* Tells why OpenSSL refused `path`.  Returns POP_SYSTEM if it can't be opened,
   otherwise POP_TLS with `what` and the path in error->text, or
   POP_NO_MEMORY. */
static enum pop_status
file_failure(const char *path, const char *what, struct pop_error *error)
{
    enum pop_status status = pop_tls_error_take(error);
    int fd;

    if (status != POP_TLS) {
        return status;
    }
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        error->sys = errno;
        (void)snprintf(error->text, sizeof(error->text), "%s", path);
        return POP_SYSTEM;
    }
    (void)close(fd);
    (void)snprintf(error->text, sizeof(error->text), "%s: %s", what, path);
    return POP_TLS;
}

/* Replaces OpenSSL's own callback, which asks on the terminal. */
static int
refuse_password(char *space, int size, int writing, void *asked)
{
    (void)space;
    (void)size;
    (void)writing;
    *(bool *)asked = true;
    return -1;
}

static enum pop_status
use_key(SSL_CTX *config, const char *path, const bool *asked,
        struct pop_error *error)
{
    if (SSL_CTX_use_PrivateKey_file(config, path, SSL_FILETYPE_PEM) == 1) {
        return POP_OK;
    }
    return file_failure(path,
                        *asked ? "the private key is encrypted; decrypt it, "
                                 "or load it into an SSLContext with its "
                                 "password"
                               : "no private key for the certificate",
                        error);
}

static enum pop_status
use_pair(SSL_CTX *config, const struct pop_tls_options *options,
         const bool *asked, struct pop_error *error)
{
    const char *certfile = options->certfile;
    const char *keyfile = options->keyfile;
    enum pop_status status;

    if (SSL_CTX_use_certificate_chain_file(config, certfile) != 1) {
        return file_failure(
            certfile,
            *asked ? "the certificate is encrypted" : "no certificate", error);
    }
    if (keyfile == NULL) {
        keyfile = certfile;
    }
    status = use_key(config, keyfile, asked, error);
    /* OpenSSL compares the keys only if they are of one kind. */
    if (status == POP_OK && SSL_CTX_check_private_key(config) != 1) {
        status = file_failure(keyfile, "no private key for the certificate",
                              error);
    }
    return status;
}

static enum pop_status
use_certificate(SSL_CTX *config, const struct pop_tls_options *options,
                struct pop_error *error)
{
    bool asked = false;
    enum pop_status status;

    SSL_CTX_set_default_passwd_cb(config, refuse_password);
    SSL_CTX_set_default_passwd_cb_userdata(config, &asked);
    status = use_pair(config, options, &asked, error);
    SSL_CTX_set_default_passwd_cb_userdata(config, NULL);
    SSL_CTX_set_default_passwd_cb(config, NULL);
    return status;
}

/* --- verification ------------------------------------------------------- */

static enum pop_status
trust(SSL_CTX *config, const char *ca, struct pop_error *error)
{
    bool is_directory;
    int ok;

    if (ca == NULL) {
        return pop_tls_trust_system(config, error);
    }
    is_directory = pop_tls_trust_is_directory(ca);
    ok = SSL_CTX_load_verify_locations(config, is_directory ? NULL : ca,
                                       is_directory ? ca : NULL);
    return ok == 1 ? POP_OK : file_failure(ca, "no CA certificates", error);
}

static enum pop_status
verify_chain(SSL_CTX *config, const struct pop_tls_options *options,
             struct pop_error *error)
{
    X509_VERIFY_PARAM *param = SSL_CTX_get0_param(config);

    SSL_CTX_set_verify(config, SSL_VERIFY_PEER, NULL);
    /* A trusted certificate that is no root vouches for those it signs. */
    if (X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN) != 1) {
        return pop_tls_error_take(error);
    }
    if (options->trusted != NULL) {
        SSL_CTX_set1_cert_store(config,
                                SSL_CTX_get_cert_store(options->trusted));
        return POP_OK;
    }
    return trust(config, options->ca, error);
}

/* --- config ------------------------------------------------------------- */

static enum pop_status
apply(SSL_CTX *config, const struct pop_tls_options *options,
      struct pop_error *error)
{
    enum pop_status status = POP_OK;

    if (SSL_CTX_set_min_proto_version(config, TLS1_2_VERSION) != 1) {
        return pop_tls_error_take(error);
    }
    SSL_CTX_set_mode(config, SSL_MODE_ENABLE_PARTIAL_WRITE |
                                 SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                 SSL_MODE_AUTO_RETRY |
                                 SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_options(config, SSL_OP_ALL);
    SSL_CTX_set_read_ahead(config, 1);
    SSL_CTX_set_default_read_buffer_len(config, READ_AHEAD_OCTETS);
    /* Sessions are never resumed, so tickets are not kept. */
    SSL_CTX_set_session_cache_mode(config, SSL_SESS_CACHE_OFF);
    if (options->verify) {
        status = verify_chain(config, options, error);
    }
    if (status == POP_OK && options->certfile != NULL) {
        status = use_certificate(config, options, error);
    }
    return status;
}

enum pop_status
pop_tls_config_new(const struct pop_tls_options *options,
                   struct ssl_ctx_st **config, struct pop_error *error)
{
    enum pop_status status;

    pop_tls_error_clear();
    *config = SSL_CTX_new(TLS_client_method());
    if (*config == NULL) {
        return pop_tls_error_take(error);
    }
    status = apply(*config, options, error);
    if (status != POP_OK) {
        pop_tls_config_free(*config);
        *config = NULL;
    }
    return status;
}

struct ssl_ctx_st *
pop_tls_config_share(struct ssl_ctx_st *config)
{
    /* Fails only with INT_MAX owners. */
    (void)SSL_CTX_up_ref(config);
    return config;
}

void
pop_tls_config_free(struct ssl_ctx_st *config)
{
    SSL_CTX_free(config);
}

/* --- session ------------------------------------------------------------ */

/* Removes a final dot, which belongs to the DNS (RFC 6066, section 3), or the
   zone of an IPv6 address, which is this machine's (RFC 6874). */
static void
copy_host(char *text, size_t size, const char *host)
{
    size_t length = strlen(host);

    if (strchr(host, ':') != NULL) {
        length = strcspn(host, "%");
    }
    else if (length > 1 && host[length - 1] == '.') {
        length--;
    }
    (void)snprintf(text, size, "%.*s", (int)length, host);
}

static bool
is_address(const char *host)
{
    unsigned char binary[sizeof(struct in6_addr)];

    return inet_pton(AF_INET, host, binary) == 1 ||
           inet_pton(AF_INET6, host, binary) == 1;
}

static bool
set_host(SSL *ssl, const char *host)
{
    X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
    bool verify = (SSL_get_verify_mode(ssl) & SSL_VERIFY_PEER) != 0;
    char text[LONGEST_HOST + 1];

    /* Set on the session: OpenSSL before 1.1.1l doesn't inherit them. */
    X509_VERIFY_PARAM_set_hostflags(param,
                                    X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS |
                                        X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    copy_host(text, sizeof(text), host);
    if (is_address(text)) {
        return !verify || X509_VERIFY_PARAM_set1_ip_asc(param, text) == 1;
    }
    if (SSL_set_tlsext_host_name(ssl, text) != 1) {
        return false;
    }
    return !verify || X509_VERIFY_PARAM_set1_host(param, text, 0) == 1;
}

/* Returns an error text, or NULL.  OpenSSL takes a name with a leading dot for
   any name that ends in it. */
static const char *
host_fault(struct ssl_ctx_st *config, const char *host)
{
    bool verify = (SSL_CTX_get_verify_mode(config) & SSL_VERIFY_PEER) != 0;

    if (host == NULL) {
        return verify ? "there is no host name to verify" : NULL;
    }
    if (host[0] == '\0' || strlen(host) > LONGEST_HOST) {
        return "the host must have 1 to 255 octets";
    }
    return host[0] == '.' ? "the host must not begin with a dot" : NULL;
}

enum pop_status
pop_tls_config_session(struct ssl_ctx_st *config, const char *host,
                       struct ssl_st **ssl, struct pop_error *error)
{
    const char *fault = host_fault(config, host);
    enum pop_status status;

    *ssl = NULL;
    if (fault != NULL) {
        memset(error, 0, sizeof(*error));
        (void)snprintf(error->text, sizeof(error->text), "%s", fault);
        return POP_TLS;
    }
    pop_tls_error_clear();
    *ssl = SSL_new(config);
    if (*ssl == NULL) {
        return pop_tls_error_take(error);
    }
    if (host != NULL && !set_host(*ssl, host)) {
        status = pop_tls_error_take(error);
        SSL_free(*ssl);
        *ssl = NULL;
        return status;
    }
    SSL_set_connect_state(*ssl);
    return POP_OK;
}
