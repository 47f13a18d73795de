/* Digests of options and of what stat() says about files. */

#include "core/tls/tls_identity.h"

#include <errno.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "core/net/deadline.h"
#include "core/tls/tls_error.h"
#include "core/tls/tls_trust.h"

#ifdef __APPLE__
#define st_mtim st_mtimespec
#define st_ctim st_ctimespec
#endif

/* A file that changes twice within one tick of the file system's clock has the
   same times after both.  The longest known ticks are of 2 seconds. */
#define TICK (2 * POP_NS_PER_SECOND)

/* Separates the directories of one path. */
#define SEPARATOR ':'

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

/* --- taking ------------------------------------------------------------- */

struct work {
    EVP_MD_CTX *source;
    EVP_MD_CTX *state;
    bool failed;
    struct pop_tls_identity *identity;
};

static void
add(struct work *work, EVP_MD_CTX *digest, const void *bytes, size_t length)
{
    work->failed = work->failed ||
                   EVP_DigestUpdate(digest, bytes, length) != 1;
}

/* The state of a file that can't be looked at is the reason. */
static void
add_file(struct work *work, const char *path)
{
    struct stat info;
    int64_t facts[6] = {0};

    if (stat(path, &info) < 0) {
        facts[0] = errno;
    }
    else {
        facts[1] = (int64_t)info.st_dev;
        facts[2] = (int64_t)info.st_ino;
        facts[3] = (int64_t)info.st_size;
        facts[4] = nanoseconds(&info.st_mtim);
        facts[5] = nanoseconds(&info.st_ctim);
        if (!(S_ISREG(info.st_mode) || S_ISDIR(info.st_mode)) ||
            !is_older(&info, work->identity->at)) {
            work->identity->settled = false;
        }
    }
    add(work, work->source, path, strlen(path) + 1);
    add(work, work->state, facts, sizeof(facts));
}

static void
add_directories(struct work *work, const char *paths)
{
    struct pop_tls_identity *identity = work->identity;
    char path[sizeof(identity->directory)];
    const char *rest = paths;

    while (rest != NULL) {
        const char *end = strchr(rest, SEPARATOR);
        size_t length = end == NULL ? strlen(rest) : (size_t)(end - rest);

        if (length >= sizeof(path)) {
            identity->settled = false;
            return;
        }
        memcpy(path, rest, length);
        path[length] = '\0';
        add_file(work, path);
        rest = end == NULL ? NULL : end + 1;
    }
    if (strchr(paths, SEPARATOR) == NULL) {
        memcpy(identity->directory, path, sizeof(path));
    }
}

static void
add_system(struct work *work)
{
    const char *const *bundle = pop_tls_trust_bundles();
    const char *file = getenv(X509_get_default_cert_file_env());
    const char *directory = getenv(X509_get_default_cert_dir_env());

    add_file(work, X509_get_default_cert_file());
    if (file != NULL) {
        add_file(work, file);
    }
    /* Programs with set-user-ID ignore the variables. */
    if (directory != NULL) {
        add_file(work, X509_get_default_cert_dir());
    }
    add_directories(work, directory != NULL ? directory
                                            : X509_get_default_cert_dir());
    for (; *bundle != NULL; bundle++) {
        add_file(work, *bundle);
    }
}

static void
add_all(struct work *work, const struct pop_tls_options *options)
{
    const char kind = !options->verify ? 'n' : options->ca == NULL ? 's' : 'c';

    add(work, work->source, &kind, 1);
    if (kind == 's') {
        add_system(work);
    }
    else if (kind == 'c' && pop_tls_trust_is_directory(options->ca)) {
        add_directories(work, options->ca);
    }
    else if (kind == 'c') {
        add_file(work, options->ca);
    }
}

static int64_t
now(void)
{
    struct timespec time;

    return clock_gettime(CLOCK_REALTIME, &time) == 0 ? nanoseconds(&time) : 0;
}

enum pop_status
pop_tls_identity_take(const struct pop_tls_options *options,
                      struct pop_tls_identity *identity,
                      struct pop_error *error)
{
    struct work work = {.identity = identity};
    enum pop_status status = POP_OK;

    identity->at = now();
    identity->settled = true;
    identity->directory[0] = '\0';
    pop_tls_error_clear();
    work.source = EVP_MD_CTX_new();
    work.state = EVP_MD_CTX_new();
    work.failed = work.source == NULL || work.state == NULL ||
                  EVP_DigestInit_ex(work.source, EVP_sha256(), NULL) != 1 ||
                  EVP_DigestInit_ex(work.state, EVP_sha256(), NULL) != 1;
    if (!work.failed) {
        add_all(&work, options);
    }
    if (work.failed ||
        EVP_DigestFinal_ex(work.source, identity->source, NULL) != 1 ||
        EVP_DigestFinal_ex(work.state, identity->state, NULL) != 1) {
        status = pop_tls_error_take(error);
    }
    EVP_MD_CTX_free(work.source);
    EVP_MD_CTX_free(work.state);
    return status;
}

bool
pop_tls_identity_equals(const struct pop_tls_identity *one,
                        const struct pop_tls_identity *other)
{
    return memcmp(one->source, other->source, sizeof(one->source)) == 0 &&
           memcmp(one->state, other->state, sizeof(one->state)) == 0;
}

/* --- certificates in memory --------------------------------------------- */

int
pop_tls_identity_count(struct ssl_ctx_st *config)
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
    char path[sizeof(((struct pop_tls_identity *)NULL)->directory) + 32];
    unsigned long hash = X509_subject_name_hash(certificate);
    bool found = false;
    struct stat info;
    int number;

    for (number = 0;; number++) {
        (void)snprintf(path, sizeof(path), "%s/%08lx.%d", directory, hash,
                       number);
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
pop_tls_identity_has_all(struct ssl_ctx_st *config, const char *directory,
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
