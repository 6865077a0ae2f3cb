#ifndef SWIFT_MTLS_CP11KIT_H
#define SWIFT_MTLS_CP11KIT_H

#include <p11-kit/p11-kit.h>
#include <p11-kit/pkcs11.h>
#include <pthread.h>

/* glibc declares it only under _GNU_SOURCE, which Swift's importer does not define. */
extern int pthread_setname_np(pthread_t thread, const char *name);

/* Names the current thread, in at most 15 bytes. */
static inline void swift_mtls_name_thread(const char *name)
{
    (void) pthread_setname_np(pthread_self(), name);
}

#endif
