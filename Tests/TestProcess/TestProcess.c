#include "TestProcess.h"

#include <stdlib.h>

/* Runs before main, while there is one thread. */
__attribute__((constructor)) static void set_up(void)
{
    setenv("MTLS_TESTKIT_TOKENS", "256", 0);
}

int test_process_is_set_up(void)
{
    return getenv("MTLS_TESTKIT_TOKENS") != NULL;
}
