/* Keys and certificates made for a test, and files for those who want paths.
 */

#ifndef POP_TEST_TLS_IDENTITY_H
#define POP_TEST_TLS_IDENTITY_H

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <stddef.h>

struct tls_identity {
    EVP_PKEY *key;
    X509 *certificate;
};

struct tls_identity_options {
    const char *subject;  /* its common name; NULL: "test" */
    const char *names;    /* the alternative ones, with commas between names
                             and addresses; NULL: none */
    const char *odd_name; /* one more name, which may hold anything */
    size_t odd_length;
    const struct tls_identity *issuer; /* NULL: itself */
    bool is_ca;
    bool is_expired;
    const EVP_MD *digest; /* of the signature; NULL: SHA-256 */
    bool is_ed25519;      /* instead of EC P-256 */
};

void identity_make(struct tls_identity *identity,
                   const struct tls_identity_options *options);
void identity_free(struct tls_identity *identity);

/* A folder of its own, and what was written there; close_folder() removes
   both. */
struct tls_folder {
    char path[64];
    char files[8][96];
    size_t count;
};

void open_folder(struct tls_folder *folder);
void close_folder(struct tls_folder *folder);

/* Each gives the path, which lives as long as the folder. */
const char *write_text(struct tls_folder *folder, const char *name,
                       const char *text);
const char *write_certificate(struct tls_folder *folder, const char *name,
                              const struct tls_identity *identity);
/* With a password: encrypted. */
const char *write_key(struct tls_folder *folder, const char *name,
                      const struct tls_identity *identity,
                      const char *password);
const char *write_both(struct tls_folder *folder, const char *name,
                       const struct tls_identity *identity);
/* Under the name by which OpenSSL finds a CA in a directory. */
const char *write_hashed(struct tls_folder *folder,
                         const struct tls_identity *identity);
/* No file: it is not there. */
const char *missing_file(struct tls_folder *folder, const char *name);

#endif
