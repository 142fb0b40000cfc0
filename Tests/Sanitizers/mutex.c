// Tells ThreadSanitizer of locks that it does not see.
//
// Swift's Mutex takes a free lock by code that is compiled into ours, and instrumented with it. When it has to wait it
// calls its library, which is not: without this, whatever two threads did in turn under a contended lock would be
// called a race. Loaded before that library, these functions do the same and say so.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#define LOCK "$s15Synchronization12_MutexHandleV9_lockSlowyys6UInt32VF"
#define TRY_LOCK "$s15Synchronization12_MutexHandleV12_tryLockSlowSbyF"
#define UNLOCK "$s15Synchronization12_MutexHandleV11_unlockSlowyyF"

// Swift's calling convention: the lock itself is the context.
#define SWIFT __attribute__((swiftcall))
#define SELF __attribute__((swift_context)) void *lock

__attribute__((weak)) void __tsan_acquire(void *address);
__attribute__((weak)) void __tsan_release(void *address);

static void *original(const char *name) {
    void *function = dlsym(RTLD_NEXT, name);
    // Another version of Swift: better no answer than a wrong one.
    if (!function) abort();
    return function;
}

SWIFT void lock_slow(uint32_t owner, SELF) __asm__(LOCK);
SWIFT void lock_slow(uint32_t owner, SELF) {
    static SWIFT void (*real)(uint32_t, SELF);
    if (!real) real = original(LOCK);
    real(owner, lock);
    if (__tsan_acquire) __tsan_acquire(lock);
}

SWIFT bool try_lock_slow(SELF) __asm__(TRY_LOCK);
SWIFT bool try_lock_slow(SELF) {
    static SWIFT bool (*real)(SELF);
    if (!real) real = original(TRY_LOCK);
    bool taken = real(lock);
    if (taken && __tsan_acquire) __tsan_acquire(lock);
    return taken;
}

SWIFT void unlock_slow(SELF) __asm__(UNLOCK);
SWIFT void unlock_slow(SELF) {
    static SWIFT void (*real)(SELF);
    if (!real) real = original(UNLOCK);
    if (__tsan_release) __tsan_release(lock);
    real(lock);
}
