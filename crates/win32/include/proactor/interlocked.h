/*
 * Interlocked operations and barriers, over the compiler's builtins; all are sequentially consistent, the Acquire,
 * Release and NoFence forms too. `long` is a 32-bit LONG on Windows and sources count in it: each operation takes a
 * pointer to `long` as well, and then works on all of its 64 bits.
 */
#ifndef PROACTOR_INTERLOCKED_H
#define PROACTOR_INTERLOCKED_H

#include "../winnt.h"

#define PROACTOR_INTERLOCKED(prefix, suffix, type) \
    PROACTOR_INLINE type prefix##Increment##suffix(type volatile *to) { \
        return __atomic_add_fetch(to, 1, __ATOMIC_SEQ_CST); \
    } \
    PROACTOR_INLINE type prefix##Decrement##suffix(type volatile *to) { \
        return __atomic_sub_fetch(to, 1, __ATOMIC_SEQ_CST); \
    } \
    PROACTOR_INLINE type prefix##Add##suffix(type volatile *to, type value) { \
        return __atomic_add_fetch(to, value, __ATOMIC_SEQ_CST); \
    } \
    PROACTOR_INLINE type prefix##ExchangeAdd##suffix(type volatile *to, type value) { \
        return __atomic_fetch_add(to, value, __ATOMIC_SEQ_CST); \
    } \
    PROACTOR_INLINE type prefix##ExchangeSubtract##suffix(type volatile *to, type value) { \
        return __atomic_fetch_sub(to, value, __ATOMIC_SEQ_CST); \
    } \
    PROACTOR_INLINE type prefix##Exchange##suffix(type volatile *to, type value) { \
        return __atomic_exchange_n(to, value, __ATOMIC_SEQ_CST); \
    } \
    PROACTOR_INLINE type prefix##CompareExchange##suffix(type volatile *to, type value, type comparand) { \
        __atomic_compare_exchange_n(to, &comparand, value, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST); \
        return comparand; \
    } \
    PROACTOR_INLINE type prefix##And##suffix(type volatile *to, type value) { \
        return __atomic_fetch_and(to, value, __ATOMIC_SEQ_CST); \
    } \
    PROACTOR_INLINE type prefix##Or##suffix(type volatile *to, type value) { \
        return __atomic_fetch_or(to, value, __ATOMIC_SEQ_CST); \
    } \
    PROACTOR_INLINE type prefix##Xor##suffix(type volatile *to, type value) { \
        return __atomic_fetch_xor(to, value, __ATOMIC_SEQ_CST); \
    }

PROACTOR_BEGIN_C
PROACTOR_INTERLOCKED(Interlocked, , LONG)
PROACTOR_INTERLOCKED(Interlocked, 64, LONG64)
PROACTOR_INTERLOCKED(Interlocked, 16, SHORT)
PROACTOR_INTERLOCKED(Interlocked, 8, char)
PROACTOR_INTERLOCKED(_Interlocked, , LONG)
PROACTOR_INTERLOCKED(_Interlocked, 64, LONG64)
PROACTOR_INTERLOCKED(_Interlocked, 16, SHORT)
PROACTOR_INTERLOCKED(_Interlocked, 8, char)

PROACTOR_INLINE PVOID InterlockedExchangePointer(PVOID volatile *to, PVOID value) {
    return __atomic_exchange_n(to, value, __ATOMIC_SEQ_CST);
}

PROACTOR_INLINE PVOID InterlockedCompareExchangePointer(PVOID volatile *to, PVOID value, PVOID comparand) {
    __atomic_compare_exchange_n(to, &comparand, value, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    return comparand;
}

PROACTOR_INLINE BOOLEAN InterlockedBitTestAndSet(LONG volatile *to, LONG bit) {
    const unsigned mask = 1u << (bit & 31);
    return (__atomic_fetch_or((unsigned volatile *)to + (bit >> 5), mask, __ATOMIC_SEQ_CST) & mask) != 0;
}

PROACTOR_INLINE BOOLEAN InterlockedBitTestAndReset(LONG volatile *to, LONG bit) {
    const unsigned mask = 1u << (bit & 31);
    return (__atomic_fetch_and((unsigned volatile *)to + (bit >> 5), ~mask, __ATOMIC_SEQ_CST) & mask) != 0;
}

PROACTOR_INLINE BOOLEAN InterlockedBitTestAndComplement(LONG volatile *to, LONG bit) {
    const unsigned mask = 1u << (bit & 31);
    return (__atomic_fetch_xor((unsigned volatile *)to + (bit >> 5), mask, __ATOMIC_SEQ_CST) & mask) != 0;
}

PROACTOR_INLINE BOOLEAN InterlockedBitTestAndSet64(LONG64 volatile *to, LONG64 bit) {
    const unsigned long long mask = 1ull << (bit & 63);
    return (__atomic_fetch_or((unsigned long long volatile *)to + (bit >> 6), mask, __ATOMIC_SEQ_CST) & mask) != 0;
}

PROACTOR_INLINE BOOLEAN InterlockedBitTestAndReset64(LONG64 volatile *to, LONG64 bit) {
    const unsigned long long mask = 1ull << (bit & 63);
    return (__atomic_fetch_and((unsigned long long volatile *)to + (bit >> 6), ~mask, __ATOMIC_SEQ_CST) & mask) != 0;
}

#ifdef __x86_64__
/* Sixteen bytes at once: no builtin does it without a library or -mcx16. */
PROACTOR_INLINE BOOLEAN InterlockedCompareExchange128(LONG64 volatile *to, LONG64 high, LONG64 low,
                                                      LONG64 *comparand) {
    BOOLEAN swapped;
    __asm__ __volatile__("lock cmpxchg16b %1\n\tsete %0"
                         : "=q"(swapped), "+m"(*(__int128 volatile *)to), "+a"(comparand[0]), "+d"(comparand[1])
                         : "b"(low), "c"(high)
                         : "cc", "memory");
    return swapped;
}
#endif

PROACTOR_INLINE VOID proactor_memory_barrier(void) { __atomic_thread_fence(__ATOMIC_SEQ_CST); }

PROACTOR_INLINE VOID proactor_yield_processor(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#else
    __asm__ __volatile__("yield");
#endif
}
PROACTOR_END_C

#define MemoryBarrier() proactor_memory_barrier()
#define YieldProcessor() proactor_yield_processor()

#ifdef __cplusplus
PROACTOR_INTERLOCKED(Interlocked, , unsigned)
PROACTOR_INTERLOCKED(Interlocked, , long)
PROACTOR_INTERLOCKED(Interlocked, , unsigned long)
PROACTOR_INTERLOCKED(Interlocked, 64, unsigned long long)
PROACTOR_INTERLOCKED(Interlocked, 64, long)
PROACTOR_INTERLOCKED(Interlocked, 64, unsigned long)
PROACTOR_INTERLOCKED(_Interlocked, , long)
PROACTOR_INTERLOCKED(_Interlocked, 64, long)
#else
PROACTOR_INTERLOCKED(proactor_long, , long)
#define PROACTOR_BY_TYPE(name, operation, to) \
    _Generic((to), long * : proactor_long##operation, long volatile * : proactor_long##operation, default : name)
#define InterlockedIncrement(to) PROACTOR_BY_TYPE(InterlockedIncrement, Increment, to)(to)
#define InterlockedDecrement(to) PROACTOR_BY_TYPE(InterlockedDecrement, Decrement, to)(to)
#define InterlockedAdd(to, value) PROACTOR_BY_TYPE(InterlockedAdd, Add, to)(to, value)
#define InterlockedExchangeAdd(to, value) PROACTOR_BY_TYPE(InterlockedExchangeAdd, ExchangeAdd, to)(to, value)
#define InterlockedExchange(to, value) PROACTOR_BY_TYPE(InterlockedExchange, Exchange, to)(to, value)
#define InterlockedCompareExchange(to, value, comparand) \
    PROACTOR_BY_TYPE(InterlockedCompareExchange, CompareExchange, to)(to, value, comparand)
#define InterlockedAnd(to, value) PROACTOR_BY_TYPE(InterlockedAnd, And, to)(to, value)
#define InterlockedOr(to, value) PROACTOR_BY_TYPE(InterlockedOr, Or, to)(to, value)
#define InterlockedXor(to, value) PROACTOR_BY_TYPE(InterlockedXor, Xor, to)(to, value)
#define InterlockedIncrement64(to) PROACTOR_BY_TYPE(InterlockedIncrement64, Increment, to)(to)
#define InterlockedDecrement64(to) PROACTOR_BY_TYPE(InterlockedDecrement64, Decrement, to)(to)
#define InterlockedAdd64(to, value) PROACTOR_BY_TYPE(InterlockedAdd64, Add, to)(to, value)
#define InterlockedExchangeAdd64(to, value) PROACTOR_BY_TYPE(InterlockedExchangeAdd64, ExchangeAdd, to)(to, value)
#define InterlockedExchange64(to, value) PROACTOR_BY_TYPE(InterlockedExchange64, Exchange, to)(to, value)
#define InterlockedCompareExchange64(to, value, comparand) \
    PROACTOR_BY_TYPE(InterlockedCompareExchange64, CompareExchange, to)(to, value, comparand)
#define InterlockedAnd64(to, value) PROACTOR_BY_TYPE(InterlockedAnd64, And, to)(to, value)
#define InterlockedOr64(to, value) PROACTOR_BY_TYPE(InterlockedOr64, Or, to)(to, value)
#define InterlockedXor64(to, value) PROACTOR_BY_TYPE(InterlockedXor64, Xor, to)(to, value)
#endif

#define InterlockedIncrementAcquire InterlockedIncrement
#define InterlockedIncrement64Acquire InterlockedIncrement64
#define InterlockedIncrementRelease InterlockedIncrement
#define InterlockedIncrement64Release InterlockedIncrement64
#define InterlockedIncrementNoFence InterlockedIncrement
#define InterlockedIncrement64NoFence InterlockedIncrement64
#define InterlockedDecrementAcquire InterlockedDecrement
#define InterlockedDecrement64Acquire InterlockedDecrement64
#define InterlockedDecrementRelease InterlockedDecrement
#define InterlockedDecrement64Release InterlockedDecrement64
#define InterlockedDecrementNoFence InterlockedDecrement
#define InterlockedDecrement64NoFence InterlockedDecrement64
#define InterlockedAddAcquire InterlockedAdd
#define InterlockedAdd64Acquire InterlockedAdd64
#define InterlockedAddRelease InterlockedAdd
#define InterlockedAdd64Release InterlockedAdd64
#define InterlockedAddNoFence InterlockedAdd
#define InterlockedAdd64NoFence InterlockedAdd64
#define InterlockedExchangeAddAcquire InterlockedExchangeAdd
#define InterlockedExchangeAdd64Acquire InterlockedExchangeAdd64
#define InterlockedExchangeAddRelease InterlockedExchangeAdd
#define InterlockedExchangeAdd64Release InterlockedExchangeAdd64
#define InterlockedExchangeAddNoFence InterlockedExchangeAdd
#define InterlockedExchangeAdd64NoFence InterlockedExchangeAdd64
#define InterlockedExchangeAcquire InterlockedExchange
#define InterlockedExchange64Acquire InterlockedExchange64
#define InterlockedExchangeRelease InterlockedExchange
#define InterlockedExchange64Release InterlockedExchange64
#define InterlockedExchangeNoFence InterlockedExchange
#define InterlockedExchange64NoFence InterlockedExchange64
#define InterlockedCompareExchangeAcquire InterlockedCompareExchange
#define InterlockedCompareExchange64Acquire InterlockedCompareExchange64
#define InterlockedCompareExchangeRelease InterlockedCompareExchange
#define InterlockedCompareExchange64Release InterlockedCompareExchange64
#define InterlockedCompareExchangeNoFence InterlockedCompareExchange
#define InterlockedCompareExchange64NoFence InterlockedCompareExchange64
#define InterlockedAndAcquire InterlockedAnd
#define InterlockedAnd64Acquire InterlockedAnd64
#define InterlockedAndRelease InterlockedAnd
#define InterlockedAnd64Release InterlockedAnd64
#define InterlockedAndNoFence InterlockedAnd
#define InterlockedAnd64NoFence InterlockedAnd64
#define InterlockedOrAcquire InterlockedOr
#define InterlockedOr64Acquire InterlockedOr64
#define InterlockedOrRelease InterlockedOr
#define InterlockedOr64Release InterlockedOr64
#define InterlockedOrNoFence InterlockedOr
#define InterlockedOr64NoFence InterlockedOr64
#define InterlockedXorAcquire InterlockedXor
#define InterlockedXor64Acquire InterlockedXor64
#define InterlockedXorRelease InterlockedXor
#define InterlockedXor64Release InterlockedXor64
#define InterlockedXorNoFence InterlockedXor
#define InterlockedXor64NoFence InterlockedXor64
#define InterlockedExchangePointerAcquire InterlockedExchangePointer
#define InterlockedExchangePointerRelease InterlockedExchangePointer
#define InterlockedExchangePointerNoFence InterlockedExchangePointer
#define InterlockedCompareExchangePointerAcquire InterlockedCompareExchangePointer
#define InterlockedCompareExchangePointerRelease InterlockedCompareExchangePointer
#define InterlockedCompareExchangePointerNoFence InterlockedCompareExchangePointer

#define ReadAcquire(from) __atomic_load_n((from), __ATOMIC_ACQUIRE)
#define ReadNoFence(from) __atomic_load_n((from), __ATOMIC_RELAXED)
#define WriteRelease(to, value) __atomic_store_n((to), (value), __ATOMIC_RELEASE)
#define WriteNoFence(to, value) __atomic_store_n((to), (value), __ATOMIC_RELAXED)
#define ReadPointerAcquire(from) __atomic_load_n((from), __ATOMIC_ACQUIRE)
#define WritePointerRelease(to, value) __atomic_store_n((to), (value), __ATOMIC_RELEASE)

#endif
