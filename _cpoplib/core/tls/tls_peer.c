#include "core/tls/tls_peer.h"

#include <openssl/ssl.h>
#include <string.h>

#include "core/proto/mem.h"
#include "core/tls/tls_error.h"

#define EXPORTER_OCTETS 32 /* RFC 9266, section 2 */

bool
pop_tls_peer_cipher(const struct ssl_st *ssl, struct pop_tls_cipher *cipher)
{
    const SSL_CIPHER *current = SSL_get_current_cipher(ssl);

    if (current == NULL) {
        return false;
    }
    cipher->name = SSL_CIPHER_get_name(current);
    cipher->version = SSL_CIPHER_get_version(current);
    cipher->bits = SSL_CIPHER_get_bits(current, NULL);
    return true;
}

const char *
pop_tls_peer_version(const struct ssl_st *ssl)
{
    return SSL_get_version(ssl);
}

bool
pop_tls_peer_is_verified(const struct ssl_st *ssl)
{
    /* OpenSSL finds nothing wrong with a certificate that is still to come. */
    return SSL_is_init_finished(ssl) &&
           (SSL_get_verify_mode(ssl) & SSL_VERIFY_PEER) != 0 &&
           SSL_get_verify_result(ssl) == X509_V_OK;
}

/* --- certificate -------------------------------------------------------- */

/* A new reference, or NULL. */
static X509 *
get_certificate(const SSL *ssl)
{
#if OPENSSL_VERSION_NUMBER >= 0x30000000L
    return SSL_get1_peer_certificate(ssl);
#else
    return SSL_get_peer_certificate(ssl);
#endif
}

static enum pop_status
encode(X509 *certificate, unsigned char **der, size_t *length,
       struct pop_error *error)
{
    int octets = i2d_X509(certificate, NULL);
    unsigned char *end;

    if (octets <= 0) {
        return pop_tls_error_take(error);
    }
    *der = POP_MALLOC((size_t)octets);
    if (*der == NULL) {
        return POP_NO_MEMORY;
    }
    end = *der;
    *length = (size_t)i2d_X509(certificate, &end);
    return POP_OK;
}

enum pop_status
pop_tls_peer_certificate(const struct ssl_st *ssl, unsigned char **der,
                         size_t *length, struct pop_error *error)
{
    X509 *certificate = get_certificate(ssl);
    enum pop_status status;

    *der = NULL;
    *length = 0;
    if (certificate == NULL) {
        return POP_OK;
    }
    pop_tls_error_clear();
    status = encode(certificate, der, length, error);
    X509_free(certificate);
    return status;
}

/* --- channel bindings --------------------------------------------------- */

/* The first Finished message of the handshake: the client's, or the server's
   if a session was resumed (RFC 5929, section 3.1).  TLS 1.3 has no such
   binding (RFC 9266, section 3). */
static size_t
tls_unique(const SSL *ssl, unsigned char *binding)
{
    if (SSL_version(ssl) > TLS1_2_VERSION) {
        return 0;
    }
    if (SSL_session_reused(ssl)) {
        return SSL_get_peer_finished(ssl, binding, POP_TLS_BINDING_OCTETS);
    }
    return SSL_get_finished(ssl, binding, POP_TLS_BINDING_OCTETS);
}

/* The digest of the certificate's own signature; SHA-256 in place of MD5 and
   SHA-1 (RFC 5929, section 4.1). */
static const EVP_MD *
end_point_digest(X509 *certificate)
{
    int digest;

    if (!X509_get_signature_info(certificate, &digest, NULL, NULL, NULL)) {
        return NULL;
    }
    if (digest == NID_md5 || digest == NID_sha1) {
        digest = NID_sha256;
    }
    return EVP_get_digestbynid(digest);
}

static enum pop_status
server_end_point(const SSL *ssl, unsigned char *binding, size_t *length,
                 struct pop_error *error)
{
    X509 *certificate = get_certificate(ssl);
    const EVP_MD *digest;
    unsigned int octets = 0;
    int ok = 1;

    if (certificate == NULL) {
        return POP_OK;
    }
    digest = end_point_digest(certificate);
    /* Signatures without a digest of their own have no such binding. */
    if (digest != NULL) {
        ok = X509_digest(certificate, digest, binding, &octets);
    }
    X509_free(certificate);
    *length = octets;
    return ok == 1 ? POP_OK : pop_tls_error_take(error);
}

/* Unique to the connection only in TLS 1.3, or with the extended master
   secret (RFC 9266, section 4.1). */
static enum pop_status
tls_exporter(SSL *ssl, unsigned char *binding, size_t *length,
             struct pop_error *error)
{
    static const char label[] = "EXPORTER-Channel-Binding";
    static const unsigned char no_context[1] = {0};

    if (!SSL_is_init_finished(ssl) || (SSL_version(ssl) < TLS1_3_VERSION &&
                                       SSL_get_extms_support(ssl) != 1)) {
        return POP_OK;
    }
    if (SSL_export_keying_material(ssl, binding, EXPORTER_OCTETS, label,
                                   strlen(label), no_context, 0, 1) != 1) {
        return pop_tls_error_take(error);
    }
    *length = EXPORTER_OCTETS;
    return POP_OK;
}

enum pop_status
pop_tls_peer_binding(struct ssl_st *ssl, enum pop_tls_binding kind,
                     unsigned char binding[POP_TLS_BINDING_OCTETS],
                     size_t *length, struct pop_error *error)
{
    *length = 0;
    pop_tls_error_clear();
    switch (kind) {
    case POP_TLS_UNIQUE:
        *length = tls_unique(ssl, binding);
        return POP_OK;
    case POP_TLS_SERVER_END_POINT:
        return server_end_point(ssl, binding, length, error);
    case POP_TLS_EXPORTER:
        return tls_exporter(ssl, binding, length, error);
    }
    return POP_OK;
}
