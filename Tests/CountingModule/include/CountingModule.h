/*
 * A PKCS#11 module that stands in front of another one: it passes each call on, counts it, and can delay, block
 * or fail it, take the token away and bring another.
 *
 * The counts belong to the shared object: load a copy of the file for each test. The functions below are found with
 * dlsym; `function` is a name such as "C_Sign", and a name that is unknown is ignored, or counts 0.
 */
#ifndef COUNTING_MODULE_H
#define COUNTING_MODULE_H

#define COUNTING_API __attribute__((visibility("default")))

/* The absolute path of the module behind, to be set before C_Initialize. Without it, C_Initialize takes the path from
 * pReserved, which p11-kit fills with the configured x-init-reserved. Returns 0, or -1 when it cannot be loaded. */
COUNTING_API int counting_set_target(const char *path);

/* How often the function was called. */
COUNTING_API unsigned long counting_count(const char *function);

/* Forgets counts, delays and faults. Blocks, flags, limits and the slot stay. */
COUNTING_API void counting_reset(void);

/* Lets each call of the function wait first. */
COUNTING_API void counting_delay(const char *function, unsigned long milliseconds);

/* Lets so many calls, beginning with the nth from now, 1 being the next, return rv without reaching the module behind. */
COUNTING_API void counting_fail(const char *function, unsigned long nth, unsigned long times, unsigned long rv);

/* Lets calls of the function wait until it is unblocked, before they reach the module behind. `notify` is called for each
 * call that begins to wait; it must not call this module. */
COUNTING_API void counting_block(const char *function, void (*notify)(void *), void *context);
COUNTING_API void counting_unblock(const char *function);

/* Flips a bit of each signature. */
COUNTING_API void counting_corrupt_signatures(int corrupt);

/* Flags to be added to, and taken from, what C_GetTokenInfo shows. */
COUNTING_API void counting_token_flags(unsigned long added, unsigned long removed);

/* From now on there is one slot, with this number, and the token in it is the one in the slot `real` of the module
 * behind, with the label and the serial number of the one in its slot `identity`. */
COUNTING_API void counting_insert_token(unsigned long slot, unsigned long real, unsigned long identity);

/* Takes the token out of the slot that counting_insert_token made: sessions are lost, and calls that concern one return
 * rv. */
COUNTING_API void counting_remove_token(unsigned long rv);

/* The token no longer has the mechanism; four can be hidden. */
COUNTING_API void counting_hide_mechanism(unsigned long type);

/* How many sessions may be open at a time, 0 for any number. C_GetTokenInfo shows it if `shown` is not 0. */
COUNTING_API void counting_session_limit(unsigned long limit, int shown);

/* Closes all sessions of the slot in which the last one was opened, behind the caller's back: the login goes, too. It
 * waits for calls that are in the module behind, since modules crash over that. */
COUNTING_API void counting_lose_sessions(void);

/* How many sessions were open at most. */
COUNTING_API unsigned long counting_most_sessions(void);

/* How many calls of C_OpenSession succeeded. */
COUNTING_API unsigned long counting_sessions_opened(void);

#endif
