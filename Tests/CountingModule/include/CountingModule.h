/*
 * A PKCS#11 module that stands in front of another one: it passes each call on, counts it, and can delay it or fail it.
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

/* Forgets counts, delays and faults. */
COUNTING_API void counting_reset(void);

/* Lets each call of the function wait first. */
COUNTING_API void counting_delay(const char *function, unsigned long milliseconds);

/* Lets the nth call from now, 1 being the next, return rv without reaching the module behind. */
COUNTING_API void counting_fail(const char *function, unsigned long nth, unsigned long rv);

/* Flags to be added to, and taken from, what C_GetTokenInfo shows. */
COUNTING_API void counting_token_flags(unsigned long added, unsigned long removed);

/* C_GetMechanismInfo no longer knows the mechanism; four can be hidden. */
COUNTING_API void counting_hide_mechanism(unsigned long type);

/* From now on C_GetTokenInfo shows the token of the slot `other` in `slot`, as if it had been put there. */
COUNTING_API void counting_swap_token(unsigned long slot, unsigned long other);

/* How many sessions may be open at a time, 0 for any number. C_GetTokenInfo shows it if `shown` is not 0. */
COUNTING_API void counting_session_limit(unsigned long limit, int shown);

/* Closes all sessions of the slot in which the last one was opened, behind the caller's back: the login goes, too. Not
 * while a call runs: modules crash over that. */
COUNTING_API void counting_lose_sessions(void);

/* How many sessions were open at most. */
COUNTING_API unsigned long counting_most_sessions(void);

#endif
