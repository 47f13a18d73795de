#include "tls_identity.h"

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support.h"

#define DAY 86400L

/* --- keys and certificates ---------------------------------------------- */

static EVP_PKEY *
make_key(bool is_ed25519)
{
    int type = is_ed25519 ? EVP_PKEY_ED25519 : EVP_PKEY_EC;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_id(type, NULL);
    EVP_PKEY *key = NULL;

    assert_non_null(context);
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
add_dns_name(GENERAL_NAMES *names, const char *text, size_t length)
{
    GENERAL_NAME *name = GENERAL_NAME_new();
    ASN1_IA5STRING *value = ASN1_IA5STRING_new();

    assert_int_equal(ASN1_STRING_set(value, text, (int)length), 1);
    GENERAL_NAME_set0_value(name, GEN_DNS, value);
    assert_true(sk_GENERAL_NAME_push(names, name) > 0);
}

static void
add_name(GENERAL_NAMES *names, const char *text)
{
    ASN1_OCTET_STRING *address = a2i_IPADDRESS(text);
    GENERAL_NAME *name;

    if (address == NULL) {
        add_dns_name(names, text, strlen(text));
        return;
    }
    name = GENERAL_NAME_new();
    GENERAL_NAME_set0_value(name, GEN_IPADD, address);
    assert_true(sk_GENERAL_NAME_push(names, name) > 0);
}

static void
add_names(X509 *certificate, const struct tls_identity_options *options)
{
    GENERAL_NAMES *names = GENERAL_NAMES_new();
    char *copy = strdup(options->names == NULL ? "" : options->names);
    char *rest = NULL;
    char *text;

    for (text = strtok_r(copy, ",", &rest); text != NULL;
         text = strtok_r(NULL, ",", &rest)) {
        add_name(names, text);
    }
    if (options->odd_name != NULL) {
        add_dns_name(names, options->odd_name, options->odd_length);
    }
    if (sk_GENERAL_NAME_num(names) > 0) {
        assert_int_equal(
            X509_add1_ext_i2d(certificate, NID_subject_alt_name, names, 0, 0),
            1);
    }
    GENERAL_NAMES_free(names);
    free(copy);
}

static void
add_constraints(X509 *certificate)
{
    BASIC_CONSTRAINTS *constraints = BASIC_CONSTRAINTS_new();

    constraints->ca = 1;
    assert_int_equal(X509_add1_ext_i2d(certificate, NID_basic_constraints,
                                       constraints, 1, 0),
                     1);
    BASIC_CONSTRAINTS_free(constraints);
}

static void
describe(X509 *certificate, const struct tls_identity_options *options)
{
    const char *subject = options->subject == NULL ? "test" : options->subject;
    long until = options->is_expired ? -DAY : 30 * DAY;

    assert_int_equal(X509_set_version(certificate, 2), 1);
    assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1),
                     1);
    assert_non_null(
        X509_gmtime_adj(X509_getm_notBefore(certificate), -2 * DAY));
    assert_non_null(X509_gmtime_adj(X509_getm_notAfter(certificate), until));
    assert_int_equal(
        X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN",
                                   MBSTRING_UTF8,
                                   (const unsigned char *)subject, -1, -1, 0),
        1);
    add_names(certificate, options);
    if (options->is_ca) {
        add_constraints(certificate);
    }
}

void
identity_make(struct tls_identity *identity,
              const struct tls_identity_options *options)
{
    const struct tls_identity *issuer = options->issuer;
    const EVP_MD *digest = options->digest;

    identity->key = make_key(options->is_ed25519);
    identity->certificate = X509_new();
    assert_non_null(identity->certificate);
    describe(identity->certificate, options);
    issuer = issuer == NULL ? identity : issuer;
    digest = digest == NULL ? EVP_sha256() : digest;
    if (EVP_PKEY_id(issuer->key) == EVP_PKEY_ED25519) {
        digest = NULL;
    }
    assert_int_equal(
        X509_set_issuer_name(identity->certificate,
                             X509_get_subject_name(issuer->certificate)),
        1);
    assert_int_equal(X509_set_pubkey(identity->certificate, identity->key), 1);
    assert_true(X509_sign(identity->certificate, issuer->key, digest) > 0);
}

void
identity_free(struct tls_identity *identity)
{
    EVP_PKEY_free(identity->key);
    X509_free(identity->certificate);
}

/* --- files -------------------------------------------------------------- */

void
open_folder(struct tls_folder *folder)
{
    const char *parent = getenv("TMPDIR");
    int length;

    memset(folder, 0, sizeof(*folder));
    if (parent == NULL || strlen(parent) > 32) {
        parent = "/tmp";
    }
    length = snprintf(folder->path, sizeof(folder->path), "%s/poptestXXXXXX",
                      parent);
    assert_in_range(length, 1, sizeof(folder->path) - 1);
    assert_non_null(mkdtemp(folder->path));
}

void
close_folder(struct tls_folder *folder)
{
    size_t i;

    for (i = 0; i < folder->count; i++) {
        (void)unlink(folder->files[i]);
    }
    assert_int_equal(rmdir(folder->path), 0);
}

const char *
missing_file(struct tls_folder *folder, const char *name)
{
    char path[sizeof(folder->files[0])];
    int length = snprintf(path, sizeof(path), "%s/%s", folder->path, name);

    assert_in_range(length, 1, sizeof(path) - 1);
    assert_true(folder->count < COUNT_OF(folder->files));
    memcpy(folder->files[folder->count], path, sizeof(path));
    return folder->files[folder->count++];
}

static FILE *
create_file(const char *path)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    return file;
}

const char *
write_text(struct tls_folder *folder, const char *name, const char *text)
{
    const char *path = missing_file(folder, name);
    FILE *file = create_file(path);

    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    return path;
}

const char *
write_certificate(struct tls_folder *folder, const char *name,
                  const struct tls_identity *identity)
{
    const char *path = missing_file(folder, name);
    FILE *file = create_file(path);

    assert_int_equal(PEM_write_X509(file, identity->certificate), 1);
    assert_int_equal(fclose(file), 0);
    return path;
}

const char *
write_key(struct tls_folder *folder, const char *name,
          const struct tls_identity *identity, const char *password)
{
    const EVP_CIPHER *cipher = password == NULL ? NULL : EVP_aes_128_cbc();
    const char *path = missing_file(folder, name);
    FILE *file = create_file(path);

    assert_int_equal(PEM_write_PKCS8PrivateKey(file, identity->key, cipher,
                                               NULL, 0, NULL,
                                               (void *)(uintptr_t)password),
                     1);
    assert_int_equal(fclose(file), 0);
    return path;
}

const char *
write_both(struct tls_folder *folder, const char *name,
           const struct tls_identity *identity)
{
    const char *path = write_key(folder, name, identity, NULL);
    FILE *file = fopen(path, "a");

    assert_non_null(file);
    assert_int_equal(PEM_write_X509(file, identity->certificate), 1);
    assert_int_equal(fclose(file), 0);
    return path;
}

const char *
write_hashed(struct tls_folder *folder, const struct tls_identity *identity)
{
    char name[16];

    (void)snprintf(name, sizeof(name), "%08lx.0",
                   X509_subject_name_hash(identity->certificate));
    return write_certificate(folder, name, identity);
}
