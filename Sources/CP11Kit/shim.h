#ifndef SWIFT_MTLS_CP11KIT_H
#define SWIFT_MTLS_CP11KIT_H

#include <p11-kit/p11-kit.h>
#include <p11-kit/pkcs11.h>

#endif
