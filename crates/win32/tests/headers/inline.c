/* What the headers do by themselves, without the library, in C and in C++: prints the first thing that does not hold. */
#include <winsock2.h>
#include <windows.h>
#include <conio.h>
#include <intrin.h>
#include <strsafe.h>
#include <tchar.h>

#define HOLDS(condition) \
    do { \
        if (!(condition)) { \
            printf("line %d: %s\n", __LINE__, #condition); \
            return 1; \
        } \
    } while (0)

static int interlocked_operations_are_of_the_width_of_what_they_are_given(void) {
    LONG word = -1;
    long wide = 0xffffffff;
    LONG64 large = 0xffffffff;
    PVOID pointer = NULL;
    HOLDS(InterlockedIncrement(&word) == 0 && InterlockedDecrement(&word) == -1);
    HOLDS(InterlockedIncrement(&wide) == 0x100000000 && InterlockedIncrement64(&large) == 0x100000000);
    HOLDS(InterlockedExchangeAdd(&word, 5) == -1 && word == 4 && InterlockedAdd(&word, 2) == 6);
    HOLDS(InterlockedCompareExchange(&word, 9, 5) == 6 && word == 6);
    HOLDS(InterlockedCompareExchange(&word, 9, 6) == 6 && word == 9);
    HOLDS(InterlockedAnd(&word, 8) == 9 && InterlockedOr(&word, 1) == 8 && InterlockedXor(&word, 3) == 9 && word == 10);
    HOLDS(InterlockedExchangePointer(&pointer, &word) == NULL && pointer == &word);
    HOLDS(InterlockedCompareExchangePointer(&pointer, NULL, &wide) == &word && pointer == &word);
    HOLDS(!InterlockedBitTestAndSet(&word, 2) && word == 14 && InterlockedBitTestAndReset(&word, 1) && word == 12);
    MemoryBarrier();
    YieldProcessor();
    return 0;
}

static int sixteen_bytes_are_exchanged_at_once(void) {
#ifdef __x86_64__
    DECLSPEC_ALIGN(16) LONG64 pair[2] = {1, 2};
    LONG64 seen[2] = {1, 3};
    HOLDS(!InterlockedCompareExchange128(pair, 5, 4, seen) && seen[0] == 1 && seen[1] == 2);
    HOLDS(InterlockedCompareExchange128(pair, 5, 4, seen) && pair[0] == 4 && pair[1] == 5);
#endif
    return 0;
}

static int left(int leave, int *finals) {
    int steps = 0;
    __try {
        steps = 1;
        __try {
            if (leave) __leave;
            steps = 2;
        }
        __finally { ++*finals; }
        if (leave) __leave;
        steps = 3;
    }
    __finally { ++*finals; }
    return steps;
}

static int a_finally_block_runs_at_the_end_and_after_leave(void) {
    int finals = 0;
    HOLDS(left(0, &finals) == 3 && finals == 2);
    HOLDS(left(1, &finals) == 1 && finals == 4);
    __try {
        finals = 5;
    }
    __except (EXCEPTION_EXECUTE_HANDLER) {
        finals = 6;
    }
    HOLDS(finals == 5);
    return 0;
}

static int strings_are_cut_and_ended(void) {
    char text[8];
    size_t length;
    HOLDS(StringCchCopyA(text, 8, "1234567") == S_OK && StringCchLengthA(text, 8, &length) == S_OK && length == 7);
    HOLDS(StringCchCopyA(text, 8, "12345678") == STRSAFE_E_INSUFFICIENT_BUFFER && strcmp(text, "1234567") == 0);
    HOLDS(StringCchCopyA(text, 0, "") == STRSAFE_E_INVALID_PARAMETER);
    HOLDS(StringCchCopyA(text, 8, "ab") == S_OK && StringCchCatA(text, 8, "cd") == S_OK && strcmp(text, "abcd") == 0);
    HOLDS(StringCchCatA(text, 6, "ef") == STRSAFE_E_INSUFFICIENT_BUFFER && strcmp(text, "abcde") == 0);
    HOLDS(StringCchCopyNA(text, 8, "abcdef", 3) == S_OK && strcmp(text, "abc") == 0);
    return 0;
}

static int formats_are_windows_own(void) {
    char text[64];
    HOLDS(StringCchPrintfA(text, 64, "%ld %lu %I64d %I64x %s %5.1f%%", (LONG)-3, (DWORD)4, -5LL, 255ULL, "s", 1.25) == S_OK);
    HOLDS(strcmp(text, "-3 4 -5 ff s   1.2%") == 0);
    HOLDS(StringCchPrintfA(text, 4, "%d", 12345) == STRSAFE_E_INSUFFICIENT_BUFFER && strcmp(text, "123") == 0);
    return 0;
}

static int a_set_of_sockets_holds_each_once(void) {
    fd_set set;
    FD_ZERO(&set);
    FD_SET(4, &set);
    FD_SET(8, &set);
    FD_SET(4, &set);
    HOLDS(set.fd_count == 2);
    FD_CLR(4, &set);
    FD_CLR(12, &set);
    HOLDS(set.fd_count == 1 && set.fd_array[0] == 8);
    for (SOCKET each = 100; each < 300; each++) FD_SET(each, &set);
    HOLDS(set.fd_count == FD_SETSIZE);
    return 0;
}

static int an_operation_is_complete_when_it_is_not_pending(void) {
    OVERLAPPED overlapped;
    ZeroMemory(&overlapped, sizeof(overlapped));
    HOLDS(HasOverlappedIoCompleted(&overlapped));
    overlapped.Internal = 0x103;
    HOLDS(!HasOverlappedIoCompleted(&overlapped));
    HOLDS(CONTAINING_RECORD(&overlapped.hEvent, OVERLAPPED, hEvent) == &overlapped);
    return 0;
}

static int an_environment_begins_as_windows_has_it(void) {
    TP_CALLBACK_ENVIRON environment;
    InitializeThreadpoolEnvironment(&environment);
    HOLDS(environment.Version == 3 && environment.Size == 72);
    HOLDS(environment.CallbackPriority == TP_CALLBACK_PRIORITY_NORMAL && environment.Pool == NULL);
    SetThreadpoolCallbackRunsLong(&environment);
    HOLDS(environment.u.Flags == 1);
    DestroyThreadpoolEnvironment(&environment);
    return 0;
}

static int small_things_are_as_on_windows(void) {
    DWORD index = 0;
    HOLDS(MAKEWORD(2, 1) == 0x102 && LOWORD(0x12345678) == 0x5678 && HIWORD(0x12345678) == 0x1234);
    HOLDS(_BitScanForward(&index, 8) && index == 3 && !_BitScanReverse(&index, 0));
    HOLDS(HRESULT_FROM_WIN32(5) == E_ACCESSDENIED && HRESULT_FROM_WIN32(0) == S_OK && FAILED(E_FAIL));
    HOLDS(sizeof(WCHAR) == 2 && sizeof(TEXT("ab")) == 3 * sizeof(TCHAR) && sizeof(_T("ab")) == sizeof(TEXT("ab")));
    HOLDS(_InterlockedIncrement((LONG volatile *)&index) == 4);
    return 0;
}

static int keys_are_read_from_what_is_no_terminal_too(void) {
    HOLDS(_kbhit() == 1 && _getch() == 'k' && _getch() == EOF);
    return 0;
}

int main(void) {
    return interlocked_operations_are_of_the_width_of_what_they_are_given() ||
           sixteen_bytes_are_exchanged_at_once() || a_finally_block_runs_at_the_end_and_after_leave() ||
           strings_are_cut_and_ended() || formats_are_windows_own() || a_set_of_sockets_holds_each_once() ||
           an_operation_is_complete_when_it_is_not_pending() || an_environment_begins_as_windows_has_it() ||
           small_things_are_as_on_windows() || keys_are_read_from_what_is_no_terminal_too();
}
