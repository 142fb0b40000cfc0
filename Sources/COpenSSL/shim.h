// What reads the key files of others: PEM, PKCS#8 and PKCS#12. Nothing else of OpenSSL is used.
#include <openssl/asn1t.h>
#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/x509.h>

// Macros that Swift does not see.

enum { COpenSSL_unsupported = ERR_R_UNSUPPORTED };

static inline void COpenSSL_free(void *memory) { OPENSSL_free(memory); }
static inline void COpenSSL_clear_free(void *memory, size_t count) { OPENSSL_clear_free(memory, count); }

static inline void COpenSSL_free_safes(STACK_OF(PKCS7) *safes) { sk_PKCS7_pop_free(safes, PKCS7_free); }
static inline int COpenSSL_count_safes(STACK_OF(PKCS7) *safes) { return sk_PKCS7_num(safes); }
static inline PKCS7 *COpenSSL_safe(STACK_OF(PKCS7) *safes, int index) { return sk_PKCS7_value(safes, index); }
static inline int COpenSSL_is_plain(PKCS7 *safe) { return PKCS7_type_is_data(safe); }

// How the contents of a safe are encrypted; NULL when they are not, or not with a passphrase.
static inline const X509_ALGOR *COpenSSL_encryption(PKCS7 *safe) {
    if (!PKCS7_type_is_encrypted(safe) || !safe->d.encrypted || !safe->d.encrypted->enc_data) return NULL;
    return safe->d.encrypted->enc_data->algorithm;
}

static inline void COpenSSL_free_bags(STACK_OF(PKCS12_SAFEBAG) *bags) {
    sk_PKCS12_SAFEBAG_pop_free(bags, PKCS12_SAFEBAG_free);
}
static inline int COpenSSL_count_bags(STACK_OF(PKCS12_SAFEBAG) *bags) { return sk_PKCS12_SAFEBAG_num(bags); }
static inline PKCS12_SAFEBAG *COpenSSL_bag(STACK_OF(PKCS12_SAFEBAG) *bags, int index) {
    return sk_PKCS12_SAFEBAG_value(bags, index);
}

static inline long COpenSSL_product(const ASN1_INTEGER *first, const ASN1_INTEGER *second) {
    long one = ASN1_INTEGER_get(first), other = ASN1_INTEGER_get(second);
    if (one < 1 || other < 1 || one > (1L << 28) || other > (1L << 28)) return -1;
    return one * other;
}

// The rounds of work for which the parameters of an encryption ask; negative when they say nothing that is understood.
static inline long COpenSSL_rounds(const X509_ALGOR *algorithm) {
    const ASN1_OBJECT *name = NULL;
    long rounds = -1;
    if (!algorithm || !algorithm->parameter || algorithm->parameter->type != V_ASN1_SEQUENCE) return rounds;
    X509_ALGOR_get0(&name, NULL, NULL, algorithm);
    if (OBJ_obj2nid(name) != NID_pbes2) {
        PBEPARAM *old = (PBEPARAM *)ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(PBEPARAM), algorithm->parameter);
        if (old) rounds = ASN1_INTEGER_get(old->iter);
        PBEPARAM_free(old);
        return rounds;
    }
    PBE2PARAM *scheme = (PBE2PARAM *)ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(PBE2PARAM), algorithm->parameter);
    const X509_ALGOR *derivation = scheme ? scheme->keyfunc : NULL;
    if (derivation && derivation->parameter && derivation->parameter->type == V_ASN1_SEQUENCE) {
        X509_ALGOR_get0(&name, NULL, NULL, derivation);
        if (OBJ_obj2nid(name) == NID_id_pbkdf2) {
            PBKDF2PARAM *work =
                (PBKDF2PARAM *)ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(PBKDF2PARAM), derivation->parameter);
            if (work) rounds = ASN1_INTEGER_get(work->iter);
            PBKDF2PARAM_free(work);
        } else if (OBJ_obj2nid(name) == NID_id_scrypt) {
            SCRYPT_PARAMS *work =
                (SCRYPT_PARAMS *)ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(SCRYPT_PARAMS), derivation->parameter);
            if (work) {
                long blocks = COpenSSL_product(work->costParameter, work->blockSize);
                long lanes = ASN1_INTEGER_get(work->parallelizationParameter);
                if (blocks > 0 && lanes > 0 && lanes <= 1024 && blocks <= (1L << 40)) rounds = blocks * lanes;
            }
            SCRYPT_PARAMS_free(work);
        }
    }
    PBE2PARAM_free(scheme);
    return rounds;
}

// The rounds of the code that protects a PKCS#12 file; negative when it has none.
static inline long COpenSSL_mac_rounds(const PKCS12 *file) {
    const ASN1_INTEGER *rounds = NULL;
    const ASN1_OCTET_STRING *code = NULL, *salt = NULL;
    const X509_ALGOR *algorithm = NULL;
    if (!PKCS12_mac_present(file)) return -1;
    PKCS12_get0_mac(&code, &algorithm, &salt, &rounds, file);
    return rounds ? ASN1_INTEGER_get(rounds) : 1;
}
