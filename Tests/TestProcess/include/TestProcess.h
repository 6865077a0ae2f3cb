/*
 * What the process of this package's tests needs before it begins: more SoftHSM tokens than the test kit makes for
 * others, since all the tests run in one process.
 */
#ifndef TEST_PROCESS_H
#define TEST_PROCESS_H

int test_process_is_set_up(void);

#endif
