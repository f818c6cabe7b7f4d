/* Instructions by name, as Microsoft's compiler has them. The interlocked ones are in winnt.h. */
#ifndef PROACTOR_INTRIN_H
#define PROACTOR_INTRIN_H

#include "winnt.h"
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define _ReadWriteBarrier() __atomic_signal_fence(__ATOMIC_SEQ_CST)
#define _ReadBarrier() __atomic_signal_fence(__ATOMIC_ACQUIRE)
#define _WriteBarrier() __atomic_signal_fence(__ATOMIC_RELEASE)
#define __debugbreak() __builtin_trap()
#define __nop() __asm__ __volatile__("nop")
#define _ReturnAddress() __builtin_return_address(0)
#define _byteswap_ushort(x) __builtin_bswap16(x)
#define _byteswap_ulong(x) __builtin_bswap32(x)
#define _byteswap_uint64(x) __builtin_bswap64(x)
#define _InterlockedExchangePointer InterlockedExchangePointer
#define _InterlockedCompareExchangePointer InterlockedCompareExchangePointer

PROACTOR_BEGIN_C

PROACTOR_INLINE unsigned char _BitScanForward(DWORD *index, DWORD mask) {
    if (mask == 0) return 0;
    *index = (DWORD)__builtin_ctz(mask);
    return 1;
}

PROACTOR_INLINE unsigned char _BitScanReverse(DWORD *index, DWORD mask) {
    if (mask == 0) return 0;
    *index = 31 - (DWORD)__builtin_clz(mask);
    return 1;
}

PROACTOR_INLINE unsigned char _BitScanForward64(DWORD *index, ULONGLONG mask) {
    if (mask == 0) return 0;
    *index = (DWORD)__builtin_ctzll(mask);
    return 1;
}

PROACTOR_INLINE unsigned char _BitScanReverse64(DWORD *index, ULONGLONG mask) {
    if (mask == 0) return 0;
    *index = 63 - (DWORD)__builtin_clzll(mask);
    return 1;
}

PROACTOR_END_C

#endif
