#define _XOPEN_SOURCE 700

#include "CountingModule.h"

#include <dlfcn.h>
#include <p11-kit/p11-kit.h>
#include <p11-kit/pkcs11.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

/* Every function, in the order of CK_FUNCTION_LIST. */
#define FUNCTIONS \
    NAME(C_Initialize) NAME(C_Finalize) NAME(C_GetInfo) NAME(C_GetFunctionList) \
    NAME(C_GetSlotList) NAME(C_GetSlotInfo) NAME(C_GetTokenInfo) NAME(C_GetMechanismList) \
    NAME(C_GetMechanismInfo) NAME(C_InitToken) NAME(C_InitPIN) NAME(C_SetPIN) \
    NAME(C_OpenSession) NAME(C_CloseSession) NAME(C_CloseAllSessions) NAME(C_GetSessionInfo) \
    NAME(C_GetOperationState) NAME(C_SetOperationState) NAME(C_Login) NAME(C_Logout) \
    NAME(C_CreateObject) NAME(C_CopyObject) NAME(C_DestroyObject) NAME(C_GetObjectSize) \
    NAME(C_GetAttributeValue) NAME(C_SetAttributeValue) NAME(C_FindObjectsInit) NAME(C_FindObjects) \
    NAME(C_FindObjectsFinal) NAME(C_EncryptInit) NAME(C_Encrypt) NAME(C_EncryptUpdate) \
    NAME(C_EncryptFinal) NAME(C_DecryptInit) NAME(C_Decrypt) NAME(C_DecryptUpdate) \
    NAME(C_DecryptFinal) NAME(C_DigestInit) NAME(C_Digest) NAME(C_DigestUpdate) \
    NAME(C_DigestKey) NAME(C_DigestFinal) NAME(C_SignInit) NAME(C_Sign) \
    NAME(C_SignUpdate) NAME(C_SignFinal) NAME(C_SignRecoverInit) NAME(C_SignRecover) \
    NAME(C_VerifyInit) NAME(C_Verify) NAME(C_VerifyUpdate) NAME(C_VerifyFinal) \
    NAME(C_VerifyRecoverInit) NAME(C_VerifyRecover) NAME(C_DigestEncryptUpdate) NAME(C_DecryptDigestUpdate) \
    NAME(C_SignEncryptUpdate) NAME(C_DecryptVerifyUpdate) NAME(C_GenerateKey) NAME(C_GenerateKeyPair) \
    NAME(C_WrapKey) NAME(C_UnwrapKey) NAME(C_DeriveKey) NAME(C_SeedRandom) \
    NAME(C_GenerateRandom) NAME(C_GetFunctionStatus) NAME(C_CancelFunction) NAME(C_WaitForSlotEvent)

/* The functions that are passed on as they are. */
#define PASSED_ON \
    CALL(C_GetInfo, (CK_INFO *a), (a)) \
    CALL(C_InitPIN, (CK_SESSION_HANDLE a, CK_BYTE *b, CK_ULONG c), (a, b, c)) \
    CALL(C_SetPIN, (CK_SESSION_HANDLE a, CK_BYTE *b, CK_ULONG c, CK_BYTE *d, CK_ULONG e), (a, b, c, d, e)) \
    CALL(C_GetSessionInfo, (CK_SESSION_HANDLE a, CK_SESSION_INFO *b), (a, b)) \
    CALL(C_GetOperationState, (CK_SESSION_HANDLE a, CK_BYTE *b, CK_ULONG *c), (a, b, c)) \
    CALL(C_SetOperationState, \
         (CK_SESSION_HANDLE a, CK_BYTE *b, CK_ULONG c, CK_OBJECT_HANDLE d, CK_OBJECT_HANDLE e), \
         (a, b, c, d, e)) \
    CALL(C_Login, (CK_SESSION_HANDLE a, CK_USER_TYPE b, CK_BYTE *c, CK_ULONG d), (a, b, c, d)) \
    CALL(C_Logout, (CK_SESSION_HANDLE a), (a)) \
    CALL(C_CreateObject, (CK_SESSION_HANDLE a, CK_ATTRIBUTE *b, CK_ULONG c, CK_OBJECT_HANDLE *d), (a, b, c, d)) \
    CALL(C_CopyObject, \
         (CK_SESSION_HANDLE a, CK_OBJECT_HANDLE b, CK_ATTRIBUTE *c, CK_ULONG d, CK_OBJECT_HANDLE *e), \
         (a, b, c, d, e)) \
    CALL(C_DestroyObject, (CK_SESSION_HANDLE a, CK_OBJECT_HANDLE b), (a, b)) \
    CALL(C_GetObjectSize, (CK_SESSION_HANDLE a, CK_OBJECT_HANDLE b, CK_ULONG *c), (a, b, c)) \
    CALL(C_GetAttributeValue, (CK_SESSION_HANDLE a, CK_OBJECT_HANDLE b, CK_ATTRIBUTE *c, CK_ULONG d), (a, b, c, d)) \
    CALL(C_SetAttributeValue, (CK_SESSION_HANDLE a, CK_OBJECT_HANDLE b, CK_ATTRIBUTE *c, CK_ULONG d), (a, b, c, d)) \
    CALL(C_FindObjectsInit, (CK_SESSION_HANDLE a, CK_ATTRIBUTE *b, CK_ULONG c), (a, b, c)) \
    CALL(C_FindObjects, (CK_SESSION_HANDLE a, CK_OBJECT_HANDLE *b, CK_ULONG c, CK_ULONG *d), (a, b, c, d)) \
    CALL(C_FindObjectsFinal, (CK_SESSION_HANDLE a), (a)) \
    CALL(C_EncryptInit, (CK_SESSION_HANDLE a, CK_MECHANISM *b, CK_OBJECT_HANDLE c), (a, b, c)) \
    CALL(C_Encrypt, (CK_SESSION_HANDLE a, CK_BYTE *b, CK_ULONG c, CK_BYTE *d, CK_ULONG *e), (a, b, c, d, e)) \
    CALL(C_EncryptUpdate, (CK_SESSION_HANDLE a, CK_BYTE *b, CK_ULONG c, CK_BYTE *d, CK_ULONG *e), (a, b, c, d, e)) \
    CALL(C_EncryptFinal, (CK_SESSION_HANDLE a, CK_BYTE *b, CK_ULONG *c), (a, b, c)) \
    CALL(C_DecryptInit, (CK_SESSION_HANDLE a, CK_MECHANISM *b, CK_OBJECT_HANDLE c), (a, b, c)) \
    CALL(C_Decrypt, (CK_SESSION_HANDLE a, CK_BYTE *b, CK_ULONG c, CK_BYTE *d, CK_ULONG *e), (a, b, c, d, e)) \
    CALL(C_DecryptUpdate, (CK_SESSION_HANDLE a, CK_BYTE *b, CK_ULONG c, CK_BYTE *d, CK_ULONG *e), (a, b, c, d, e)) \
    CALL(C_DecryptFinal, (CK_SESSION_HANDLE a, CK_BYTE *b, CK_ULONG *c), (a, b, c)) \
    CALL(C_DigestInit, (CK_SESSION_HANDLE a, CK_MECHANISM *b), (a, b)) \
    CALL(C_Digest, (CK_SESSION_HANDLE a, CK_BYTE *b, CK_ULONG c, CK_BYTE *d, CK_ULONG *e), (a, b, c, d, e)) \
    CALL(C_DigestUpdate, (CK_SESSION_HANDLE a, CK_BYTE *b, CK_ULONG c), (a, b, c)) \
    CALL(C_DigestKey, (CK_SESSION_HANDLE a, CK_OBJECT_HANDLE b), (a, b)) \
    CALL(C_DigestFinal, (CK_SESSION_HANDLE a, CK_BYTE *b, CK_ULONG *c), (a, b, c)) \
    CALL(C_SignInit, (CK_SESSION_HANDLE a, CK_MECHANISM *b, CK_OBJECT_HANDLE c), (a, b, c)) \
    CALL(C_SignUpdate, (CK_SESSION_HANDLE a, CK_BYTE *b, CK_ULONG c), (a, b, c)) \
    CALL(C_SignFinal, (CK_SESSION_HANDLE a, CK_BYTE *b, CK_ULONG *c), (a, b, c)) \
    CALL(C_SignRecoverInit, (CK_SESSION_HANDLE a, CK_MECHANISM *b, CK_OBJECT_HANDLE c), (a, b, c)) \
    CALL(C_SignRecover, (CK_SESSION_HANDLE a, CK_BYTE *b, CK_ULONG c, CK_BYTE *d, CK_ULONG *e), (a, b, c, d, e)) \
    CALL(C_VerifyInit, (CK_SESSION_HANDLE a, CK_MECHANISM *b, CK_OBJECT_HANDLE c), (a, b, c)) \
    CALL(C_Verify, (CK_SESSION_HANDLE a, CK_BYTE *b, CK_ULONG c, CK_BYTE *d, CK_ULONG e), (a, b, c, d, e)) \
    CALL(C_VerifyUpdate, (CK_SESSION_HANDLE a, CK_BYTE *b, CK_ULONG c), (a, b, c)) \
    CALL(C_VerifyFinal, (CK_SESSION_HANDLE a, CK_BYTE *b, CK_ULONG c), (a, b, c)) \
    CALL(C_VerifyRecoverInit, (CK_SESSION_HANDLE a, CK_MECHANISM *b, CK_OBJECT_HANDLE c), (a, b, c)) \
    CALL(C_VerifyRecover, (CK_SESSION_HANDLE a, CK_BYTE *b, CK_ULONG c, CK_BYTE *d, CK_ULONG *e), (a, b, c, d, e)) \
    CALL(C_DigestEncryptUpdate, \
         (CK_SESSION_HANDLE a, CK_BYTE *b, CK_ULONG c, CK_BYTE *d, CK_ULONG *e), \
         (a, b, c, d, e)) \
    CALL(C_DecryptDigestUpdate, \
         (CK_SESSION_HANDLE a, CK_BYTE *b, CK_ULONG c, CK_BYTE *d, CK_ULONG *e), \
         (a, b, c, d, e)) \
    CALL(C_SignEncryptUpdate, \
         (CK_SESSION_HANDLE a, CK_BYTE *b, CK_ULONG c, CK_BYTE *d, CK_ULONG *e), \
         (a, b, c, d, e)) \
    CALL(C_DecryptVerifyUpdate, \
         (CK_SESSION_HANDLE a, CK_BYTE *b, CK_ULONG c, CK_BYTE *d, CK_ULONG *e), \
         (a, b, c, d, e)) \
    CALL(C_GenerateKey, \
         (CK_SESSION_HANDLE a, CK_MECHANISM *b, CK_ATTRIBUTE *c, CK_ULONG d, CK_OBJECT_HANDLE *e), \
         (a, b, c, d, e)) \
    CALL(C_GenerateKeyPair, \
         (CK_SESSION_HANDLE a, CK_MECHANISM *b, CK_ATTRIBUTE *c, CK_ULONG d, CK_ATTRIBUTE *e, CK_ULONG f, \
          CK_OBJECT_HANDLE *g, CK_OBJECT_HANDLE *h), \
         (a, b, c, d, e, f, g, h)) \
    CALL(C_WrapKey, \
         (CK_SESSION_HANDLE a, CK_MECHANISM *b, CK_OBJECT_HANDLE c, CK_OBJECT_HANDLE d, CK_BYTE *e, CK_ULONG *f), \
         (a, b, c, d, e, f)) \
    CALL(C_UnwrapKey, \
         (CK_SESSION_HANDLE a, CK_MECHANISM *b, CK_OBJECT_HANDLE c, CK_BYTE *d, CK_ULONG e, CK_ATTRIBUTE *f, \
          CK_ULONG g, CK_OBJECT_HANDLE *h), \
         (a, b, c, d, e, f, g, h)) \
    CALL(C_DeriveKey, \
         (CK_SESSION_HANDLE a, CK_MECHANISM *b, CK_OBJECT_HANDLE c, CK_ATTRIBUTE *d, CK_ULONG e, \
          CK_OBJECT_HANDLE *f), \
         (a, b, c, d, e, f)) \
    CALL(C_SeedRandom, (CK_SESSION_HANDLE a, CK_BYTE *b, CK_ULONG c), (a, b, c)) \
    CALL(C_GenerateRandom, (CK_SESSION_HANDLE a, CK_BYTE *b, CK_ULONG c), (a, b, c)) \
    CALL(C_GetFunctionStatus, (CK_SESSION_HANDLE a), (a)) \
    CALL(C_CancelFunction, (CK_SESSION_HANDLE a), (a)) \
    CALL(C_WaitForSlotEvent, (CK_FLAGS a, CK_SLOT_ID *b, void *c), (a, b, c))

#define NAME(name) INDEX_##name,
enum { FUNCTIONS FUNCTION_COUNT };
#undef NAME

#define NAME(name) #name,
static const char *const names[FUNCTION_COUNT] = { FUNCTIONS };
#undef NAME

static struct {
    atomic_ulong calls;
    atomic_ulong delay;
    /* The numbers of the calls that fail, from the first up to, and not with, the end; 0, 0: none. */
    atomic_ulong failing_from, failing_end;
    atomic_ulong failing_rv;
    /* Guarded by gate. */
    int is_blocked;
} controls[FUNCTION_COUNT];

static atomic_ulong flags_added, flags_removed;
/* 0: none; CKM_RSA_PKCS_KEY_PAIR_GEN is not hidden. */
static atomic_ulong hidden_mechanisms[4];
static atomic_ulong session_limit, open_sessions, most_sessions, sessions_opened;
static atomic_int session_limit_shown;
static atomic_ulong last_slot;
static atomic_int corrupts_signatures;
static CK_FUNCTION_LIST *target;

/* Which slots are shown: those of the module behind; one, whose number may be another there; none. */
enum { ALL, ONE, NONE };
static atomic_int shown;
static atomic_ulong shown_slot, real_slot, shown_identity, removed_rv;

/* Held for reading by a call that is in the module behind, for writing while its sessions are closed. */
static pthread_rwlock_t passage = PTHREAD_RWLOCK_INITIALIZER;

/* Blocked calls wait at the gate. */
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t gate_moved = PTHREAD_COND_INITIALIZER;
static void (*arrival)(void *);
static void *arrival_context;

static int index_of(const char *name)
{
    for (int i = 0; i < FUNCTION_COUNT; i++)
        if (strcmp(names[i], name) == 0)
            return i;
    return -1;
}

static void wait_at_gate(int index)
{
    pthread_mutex_lock(&gate);
    if (controls[index].is_blocked && arrival != NULL)
        arrival(arrival_context);
    while (controls[index].is_blocked)
        pthread_cond_wait(&gate_moved, &gate);
    pthread_mutex_unlock(&gate);
}

/* What a function answers while there is no token. */
static CK_RV without_token(int index)
{
    switch (index) {
    case INDEX_C_Initialize: case INDEX_C_Finalize: case INDEX_C_GetInfo: case INDEX_C_GetSlotList:
    case INDEX_C_GetSlotInfo:
        return CKR_OK;
    case INDEX_C_GetTokenInfo: case INDEX_C_GetMechanismList: case INDEX_C_GetMechanismInfo:
    case INDEX_C_OpenSession: case INDEX_C_InitToken:
        return CKR_TOKEN_NOT_PRESENT;
    default:
        return atomic_load(&removed_rv);
    }
}

static CK_RV enter(int index)
{
    unsigned long call = atomic_fetch_add(&controls[index].calls, 1) + 1;
    unsigned long delay = atomic_load(&controls[index].delay);
    if (delay > 0) {
        struct timespec time = { (time_t) (delay / 1000), (long) (delay % 1000) * 1000000 };
        nanosleep(&time, NULL);
    }
    wait_at_gate(index);
    if (call >= atomic_load(&controls[index].failing_from) && call < atomic_load(&controls[index].failing_end))
        return atomic_load(&controls[index].failing_rv);
    if (target == NULL)
        return CKR_CRYPTOKI_NOT_INITIALIZED;
    return atomic_load(&shown) == NONE ? without_token(index) : CKR_OK;
}

/* Calls the module behind, which may lack the function. */
#define PASS(name, arguments) \
    (pthread_rwlock_rdlock(&passage), \
     rv = target->name == NULL ? CKR_FUNCTION_NOT_SUPPORTED : target->name arguments, \
     pthread_rwlock_unlock(&passage), rv)

#define CALL(name, parameters, arguments) \
    static CK_RV counted_##name parameters \
    { \
        CK_RV rv = enter(INDEX_##name); \
        return rv != CKR_OK ? rv : PASS(name, arguments); \
    }
PASSED_ON
#undef CALL

/* The number that the module behind has for a slot. */
static CK_RV translate(CK_SLOT_ID *slot)
{
    int now = atomic_load(&shown);
    if (now != ALL && *slot != atomic_load(&shown_slot))
        return CKR_SLOT_ID_INVALID;
    if (now != ALL)
        *slot = atomic_load(&real_slot);
    return CKR_OK;
}

#define CALL_FOR_SLOT(name, parameters, arguments) \
    static CK_RV counted_##name parameters \
    { \
        CK_RV rv = enter(INDEX_##name); \
        if (rv == CKR_OK) \
            rv = translate(&a); \
        return rv != CKR_OK ? rv : PASS(name, arguments); \
    }
CALL_FOR_SLOT(C_GetSlotInfo, (CK_SLOT_ID a, CK_SLOT_INFO *b), (a, b))
CALL_FOR_SLOT(C_InitToken, (CK_SLOT_ID a, CK_BYTE *b, CK_ULONG c, CK_BYTE *d), (a, b, c, d))
#undef CALL_FOR_SLOT

static CK_RV counted_C_GetSlotList(CK_BYTE with_token, CK_SLOT_ID *slots, CK_ULONG *count)
{
    CK_RV rv = enter(INDEX_C_GetSlotList);
    if (rv != CKR_OK)
        return rv;
    if (atomic_load(&shown) == ALL)
        return PASS(C_GetSlotList, (with_token, slots, count));
    CK_ULONG room = *count;
    *count = atomic_load(&shown) == ONE || !with_token;
    if (slots == NULL || *count == 0)
        return CKR_OK;
    if (room < 1)
        return CKR_BUFFER_TOO_SMALL;
    slots[0] = atomic_load(&shown_slot);
    return CKR_OK;
}

static CK_RV counted_C_Sign(CK_SESSION_HANDLE session, CK_BYTE *data, CK_ULONG length, CK_BYTE *signature,
                            CK_ULONG *signature_length)
{
    CK_RV rv = enter(INDEX_C_Sign);
    if (rv != CKR_OK)
        return rv;
    rv = PASS(C_Sign, (session, data, length, signature, signature_length));
    if (rv == CKR_OK && signature != NULL && atomic_load(&corrupts_signatures))
        signature[*signature_length / 2] ^= 1;
    return rv;
}

static CK_RV counted_C_Initialize(void *arguments)
{
    CK_C_INITIALIZE_ARGS *given = arguments, copy;
    if (target == NULL && given != NULL && given->pReserved != NULL)
        counting_set_target(given->pReserved);
    CK_RV rv = enter(INDEX_C_Initialize);
    if (rv != CKR_OK)
        return rv;
    if (given != NULL) {
        copy = *given;
        copy.pReserved = NULL;
        given = &copy;
    }
    rv = target->C_Initialize(given);
    return rv == CKR_CRYPTOKI_ALREADY_INITIALIZED ? CKR_OK : rv;
}

/* Not passed on: others use the module behind. */
static CK_RV counted_C_Finalize(void *reserved)
{
    (void) reserved;
    return enter(INDEX_C_Finalize);
}

static CK_RV counted_C_GetTokenInfo(CK_SLOT_ID slot, CK_TOKEN_INFO *info)
{
    CK_RV rv = enter(INDEX_C_GetTokenInfo);
    if (rv == CKR_OK)
        rv = translate(&slot);
    if (rv != CKR_OK)
        return rv;
    CK_TOKEN_INFO other;
    rv = PASS(C_GetTokenInfo, (slot, info));
    if (rv == CKR_OK && atomic_load(&shown) == ONE
        && PASS(C_GetTokenInfo, (atomic_load(&shown_identity), &other)) == CKR_OK) {
        memcpy(info->label, other.label, sizeof info->label);
        memcpy(info->serialNumber, other.serialNumber, sizeof info->serialNumber);
    }
    if (rv == CKR_OK) {
        info->flags = (info->flags | atomic_load(&flags_added)) & ~atomic_load(&flags_removed);
        if (atomic_load(&session_limit_shown))
            info->ulMaxSessionCount = atomic_load(&session_limit);
    }
    return rv;
}

static int is_hidden(CK_MECHANISM_TYPE type)
{
    for (int i = 0; i < 4; i++)
        if (type != 0 && type == atomic_load(&hidden_mechanisms[i]))
            return 1;
    return 0;
}

static CK_RV counted_C_GetMechanismList(CK_SLOT_ID slot, CK_MECHANISM_TYPE *list, CK_ULONG *count)
{
    CK_RV rv = enter(INDEX_C_GetMechanismList);
    if (rv == CKR_OK)
        rv = translate(&slot);
    if (rv == CKR_OK)
        rv = PASS(C_GetMechanismList, (slot, list, count));
    if (rv != CKR_OK || list == NULL)
        return rv;
    CK_ULONG kept = 0;
    for (CK_ULONG i = 0; i < *count; i++)
        if (!is_hidden(list[i]))
            list[kept++] = list[i];
    *count = kept;
    return rv;
}

static CK_RV counted_C_GetMechanismInfo(CK_SLOT_ID slot, CK_MECHANISM_TYPE type, CK_MECHANISM_INFO *info)
{
    CK_RV rv = enter(INDEX_C_GetMechanismInfo);
    if (rv == CKR_OK)
        rv = translate(&slot);
    if (rv != CKR_OK)
        return rv;
    if (is_hidden(type))
        return CKR_MECHANISM_INVALID;
    return PASS(C_GetMechanismInfo, (slot, type, info));
}

static CK_RV counted_C_OpenSession(CK_SLOT_ID slot, CK_FLAGS flags, void *application, CK_NOTIFY notify,
                                   CK_SESSION_HANDLE *session)
{
    CK_RV rv = enter(INDEX_C_OpenSession);
    if (rv == CKR_OK)
        rv = translate(&slot);
    if (rv != CKR_OK)
        return rv;
    unsigned long limit = atomic_load(&session_limit);
    unsigned long open = atomic_fetch_add(&open_sessions, 1) + 1;
    rv = limit > 0 && open > limit ? CKR_SESSION_COUNT
                                   : PASS(C_OpenSession, (slot, flags, application, notify, session));
    if (rv != CKR_OK) {
        atomic_fetch_sub(&open_sessions, 1);
        return rv;
    }
    atomic_fetch_add(&sessions_opened, 1);
    atomic_store(&last_slot, slot);
    unsigned long most = atomic_load(&most_sessions);
    while (open > most && !atomic_compare_exchange_weak(&most_sessions, &most, open)) { }
    return CKR_OK;
}

static CK_RV counted_C_CloseSession(CK_SESSION_HANDLE session)
{
    CK_RV rv = enter(INDEX_C_CloseSession);
    if (rv == CKR_OK)
        rv = PASS(C_CloseSession, (session));
    if (rv == CKR_OK)
        atomic_fetch_sub(&open_sessions, 1);
    return rv;
}

static CK_RV counted_C_CloseAllSessions(CK_SLOT_ID slot)
{
    CK_RV rv = enter(INDEX_C_CloseAllSessions);
    if (rv == CKR_OK)
        rv = translate(&slot);
    if (rv == CKR_OK)
        rv = PASS(C_CloseAllSessions, (slot));
    if (rv == CKR_OK)
        atomic_store(&open_sessions, 0);
    return rv;
}

static CK_RV counted_C_GetFunctionList(CK_FUNCTION_LIST **list);

#define NAME(name) .name = counted_##name,
static CK_FUNCTION_LIST functions = { .version = { 2, 40 }, FUNCTIONS };
#undef NAME

static CK_RV counted_C_GetFunctionList(CK_FUNCTION_LIST **list)
{
    if (list == NULL)
        return CKR_ARGUMENTS_BAD;
    *list = &functions;
    return CKR_OK;
}

COUNTING_API CK_RV C_GetFunctionList(CK_FUNCTION_LIST **list)
{
    return counted_C_GetFunctionList(list);
}

int counting_set_target(const char *path)
{
    CK_FUNCTION_LIST *list = NULL;
    void *object = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    CK_C_GetFunctionList get = object == NULL ? NULL : (CK_C_GetFunctionList) dlsym(object, "C_GetFunctionList");
    if (get == NULL || get(&list) != CKR_OK || list == NULL)
        return -1;
    target = list;
    return 0;
}

unsigned long counting_count(const char *function)
{
    int index = index_of(function);
    return index < 0 ? 0 : atomic_load(&controls[index].calls);
}

void counting_reset(void)
{
    for (int i = 0; i < FUNCTION_COUNT; i++) {
        atomic_store(&controls[i].failing_end, 0);
        atomic_store(&controls[i].failing_from, 0);
        atomic_store(&controls[i].delay, 0);
        atomic_store(&controls[i].calls, 0);
    }
    atomic_store(&corrupts_signatures, 0);
    atomic_store(&sessions_opened, 0);
    atomic_store(&most_sessions, atomic_load(&open_sessions));
}

void counting_delay(const char *function, unsigned long milliseconds)
{
    int index = index_of(function);
    if (index >= 0)
        atomic_store(&controls[index].delay, milliseconds);
}

void counting_fail(const char *function, unsigned long nth, unsigned long times, unsigned long rv)
{
    int index = index_of(function);
    if (index < 0)
        return;
    unsigned long first = atomic_load(&controls[index].calls) + nth;
    atomic_store(&controls[index].failing_rv, rv);
    atomic_store(&controls[index].failing_from, first);
    atomic_store(&controls[index].failing_end, first + times);
}

void counting_block(const char *function, void (*notify)(void *), void *context)
{
    int index = index_of(function);
    if (index < 0)
        return;
    pthread_mutex_lock(&gate);
    controls[index].is_blocked = 1;
    arrival = notify;
    arrival_context = context;
    pthread_mutex_unlock(&gate);
}

void counting_unblock(const char *function)
{
    int index = index_of(function);
    if (index < 0)
        return;
    pthread_mutex_lock(&gate);
    controls[index].is_blocked = 0;
    arrival = NULL;
    pthread_cond_broadcast(&gate_moved);
    pthread_mutex_unlock(&gate);
}

void counting_corrupt_signatures(int corrupt)
{
    atomic_store(&corrupts_signatures, corrupt);
}

void counting_token_flags(unsigned long added, unsigned long removed)
{
    atomic_store(&flags_added, added);
    atomic_store(&flags_removed, removed);
}

void counting_hide_mechanism(unsigned long type)
{
    for (int i = 0; i < 4; i++) {
        unsigned long none = 0;
        if (atomic_compare_exchange_strong(&hidden_mechanisms[i], &none, type))
            return;
    }
}

void counting_insert_token(unsigned long slot, unsigned long real, unsigned long identity)
{
    atomic_store(&shown_identity, identity);
    atomic_store(&shown_slot, slot);
    atomic_store(&real_slot, real);
    atomic_store(&shown, ONE);
}

void counting_remove_token(unsigned long rv)
{
    atomic_store(&removed_rv, rv);
    atomic_store(&shown, NONE);
    counting_lose_sessions();
}

void counting_session_limit(unsigned long limit, int is_shown)
{
    atomic_store(&session_limit, limit);
    atomic_store(&session_limit_shown, is_shown);
}

void counting_lose_sessions(void)
{
    pthread_rwlock_wrlock(&passage);
    if (target != NULL)
        target->C_CloseAllSessions(atomic_load(&last_slot));
    atomic_store(&open_sessions, 0);
    pthread_rwlock_unlock(&passage);
}

unsigned long counting_most_sessions(void)
{
    return atomic_load(&most_sessions);
}

unsigned long counting_sessions_opened(void)
{
    return atomic_load(&sessions_opened);
}
