#ifndef SWIFT_MTLS_CGNUTLS_H
#define SWIFT_MTLS_CGNUTLS_H

#include <gnutls/abstract.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <gnutls/ocsp.h>
#include <gnutls/pkcs11.h>
#include <gnutls/pkcs12.h>
#include <gnutls/x509-ext.h>
#include <gnutls/x509.h>
#include <string.h>

/* Each of these stands for a macro or a function type that Swift cannot import. */

static inline unsigned cgnutls_info_algorithm_of_flags(unsigned flags) {
    return (unsigned)GNUTLS_FLAGS_TO_SIGN_ALGO(flags);
}

/* gnutls_free is a variable, and a macro that assigns to its argument. */
static inline void cgnutls_free(void *memory) {
    (gnutls_free)(memory);
}

static inline void *cgnutls_malloc(size_t size) {
    return (gnutls_malloc)(size);
}

static inline unsigned cgnutls_profile_to_vflags(gnutls_certificate_verification_profiles_t profile) {
    return GNUTLS_PROFILE_TO_VFLAGS(profile);
}

/* IANA's name of the cipher suite; NULL before GnuTLS 3.7.4, which Ubuntu 22.04 has not. */
static inline const char *cgnutls_ciphersuite_name(gnutls_session_t session) {
#if GNUTLS_VERSION_NUMBER >= 0x030704
    return gnutls_ciphersuite_get(session);
#else
    (void)session;
    return NULL;
#endif
}

#endif
