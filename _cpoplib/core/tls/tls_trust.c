/* The default store, and bundles of certificates. */

#include "core/tls/tls_trust.h"

#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/net/deadline.h"
#include "core/tls/tls_error.h"

#ifdef __APPLE__
#define st_mtim st_mtimespec
#define st_ctim st_ctimespec
#endif

/* A file that changes twice within one tick of the file system's clock has the
   same times after both; poplib_c/_tls_trust.py has a tick, too. */
#define TICK (2 * POP_NS_PER_SECOND)

#define PATH_OCTETS 1056

void
pop_tls_trust_bundle(struct ssl_ctx_st *config, const char *const *files)
{
    if (getenv(X509_get_default_cert_file_env()) != NULL) {
        return;
    }
    while (*files != NULL &&
           (access(*files, R_OK) != 0 ||
            SSL_CTX_load_verify_locations(config, *files, NULL) != 1)) {
        files++;
    }
    pop_tls_error_clear();
}

const char *const *
pop_tls_trust_bundles(void)
{
    static const char *const files[] = {
#ifdef POP_OWN_OPENSSL
        /* Of Fedora and its relatives; other systems have theirs in
           /etc/ssl. */
        "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
        "/etc/pki/tls/certs/ca-bundle.crt",
#endif
        NULL};

    return files;
}

enum pop_status
pop_tls_trust_system(struct ssl_ctx_st *config, struct pop_error *error)
{
    if (SSL_CTX_set_default_verify_paths(config) != 1) {
        return pop_tls_error_take(error);
    }
    if (*pop_tls_trust_bundles() != NULL) {
        pop_tls_trust_bundle(config, pop_tls_trust_bundles());
    }
    return POP_OK;
}

bool
pop_tls_trust_is_directory(const char *path)
{
    struct stat info;

    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

struct pop_tls_places
pop_tls_trust_places(void)
{
    const struct pop_tls_places places = {
        .file = X509_get_default_cert_file(),
        .directory = X509_get_default_cert_dir(),
        .own_file = getenv(X509_get_default_cert_file_env()),
        .own_directory = getenv(X509_get_default_cert_dir_env()),
    };

    return places;
}

/* --- certificates in memory --------------------------------------------- */

static int64_t
nanoseconds(const struct timespec *time)
{
    return (int64_t)time->tv_sec * POP_NS_PER_SECOND + time->tv_nsec;
}

/* Returns true if the file's last change was a tick before `at`. */
static bool
is_older(const struct stat *info, int64_t at)
{
    return nanoseconds(&info->st_mtim) < at - TICK &&
           nanoseconds(&info->st_ctim) < at - TICK;
}

int
pop_tls_trust_count(struct ssl_ctx_st *config)
{
    X509_STORE *store = SSL_CTX_get_cert_store(config);
    int count;

    (void)X509_STORE_lock(store);
    count = sk_X509_OBJECT_num(X509_STORE_get0_objects(store));
    (void)X509_STORE_unlock(store);
    return count;
}

/* Returns true if the file begins with the certificate. */
static bool
holds(const char *path, X509 *certificate)
{
    BIO *file = BIO_new_file(path, "r");
    unsigned char *wanted = NULL;
    unsigned char *found = NULL;
    char *name = NULL;
    char *header = NULL;
    long length;
    bool is_same = file != NULL &&
                   PEM_read_bio(file, &name, &header, &found, &length) == 1 &&
                   i2d_X509(certificate, &wanted) == length &&
                   memcmp(wanted, found, (size_t)length) == 0;

    OPENSSL_free(name);
    OPENSSL_free(header);
    OPENSSL_free(found);
    OPENSSL_free(wanted);
    (void)BIO_free(file);
    return is_same;
}

/* Returns true if the directory has the certificate, among files that have not
   changed since `made`.  That is not enough: a link may lead to another old
   file. */
static bool
has_file(const char *directory, X509 *certificate, int64_t made)
{
    char path[PATH_OCTETS];
    unsigned long hash = X509_subject_name_hash(certificate);
    bool found = false;
    struct stat info;
    int number;

    for (number = 0;; number++) {
        if (snprintf(path, sizeof(path), "%s/%08lx.%d", directory, hash,
                     number) >= PATH_OCTETS) {
            return false;
        }
        if (stat(path, &info) < 0) {
            return found;
        }
        if (!S_ISREG(info.st_mode) || !is_older(&info, made)) {
            return false;
        }
        found = found || holds(path, certificate);
    }
}

bool
pop_tls_trust_is_in(struct ssl_ctx_st *config, const char *directory,
                    int64_t made)
{
    X509_STORE *store = SSL_CTX_get_cert_store(config);
    const STACK_OF(X509_OBJECT) * objects;
    bool has_all = true;
    int i;

    (void)X509_STORE_lock(store);
    objects = X509_STORE_get0_objects(store);
    for (i = 0; has_all && i < sk_X509_OBJECT_num(objects); i++) {
        X509 *certificate = X509_OBJECT_get0_X509(
            sk_X509_OBJECT_value(objects, i));

        has_all = certificate != NULL &&
                  has_file(directory, certificate, made);
    }
    (void)X509_STORE_unlock(store);
    pop_tls_error_clear();
    return has_all;
}
