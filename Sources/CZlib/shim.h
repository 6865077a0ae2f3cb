#ifndef SWIFT_MTLS_CZLIB_H
#define SWIFT_MTLS_CZLIB_H

#include <zlib.h>

#endif
