/* Group 18: names, and what there is for handles of any kind. */
#include "objects.h"

#ifndef ERROR_NOT_SAME_OBJECT
#define ERROR_NOT_SAME_OBJECT 1656
#endif

TEST(s217_objects_of_all_kinds_share_one_namespace_that_tells_case)
{
    const char *lower = unique("s217"), *upper = unique("S217");
    HANDLE first = CreateEventA(NULL, TRUE, TRUE, lower), second;
    CHECK_FAILS(CreateMutexA(NULL, FALSE, lower), ERROR_INVALID_HANDLE);
    second = CreateMutexA(NULL, FALSE, upper);
    CHECK(first != NULL && second != NULL);
    CHECK_ERROR(0);
    CloseHandle(first);
    CloseHandle(second);
}

TEST(s218_a_name_of_another_kind_is_refused)
{
    const char *name = unique("s218");
    HANDLE held = CreateSemaphoreA(NULL, 1, 1, name);
    CHECK(held != NULL);
    CHECK_FAILS(CreateEventA(NULL, TRUE, TRUE, name), ERROR_INVALID_HANDLE);
    CHECK_FAILS(CreateMutexA(NULL, TRUE, name), ERROR_INVALID_HANDLE);
    CHECK_FAILS(CreateWaitableTimerA(NULL, TRUE, name), ERROR_INVALID_HANDLE);
    CHECK_FAILS(OpenEventA(EVENT_ALL_ACCESS, FALSE, name), ERROR_INVALID_HANDLE);
    CHECK_FAILS(OpenMutexA(MUTEX_ALL_ACCESS, FALSE, name), ERROR_INVALID_HANDLE);
    CHECK_FAILS(OpenWaitableTimerA(TIMER_ALL_ACCESS, FALSE, name), ERROR_INVALID_HANDLE);
    CloseHandle(held);
}

TEST(s219_a_missing_name_is_not_found_and_none_is_no_parameter)
{
    const char *name = unique("s219");
    CHECK_FAILS(OpenEventA(EVENT_ALL_ACCESS, FALSE, name), ERROR_FILE_NOT_FOUND);
    CHECK_FAILS(OpenMutexA(MUTEX_ALL_ACCESS, FALSE, name), ERROR_FILE_NOT_FOUND);
    CHECK_FAILS(OpenSemaphoreA(SEMAPHORE_ALL_ACCESS, FALSE, name), ERROR_FILE_NOT_FOUND);
    CHECK_FAILS(OpenWaitableTimerA(TIMER_ALL_ACCESS, FALSE, name), ERROR_FILE_NOT_FOUND);
    CHECK_FAILS(OpenEventA(EVENT_ALL_ACCESS, FALSE, NULL), ERROR_INVALID_PARAMETER);
    CHECK_FAILS(OpenMutexA(MUTEX_ALL_ACCESS, FALSE, NULL), ERROR_INVALID_PARAMETER);
    CHECK_FAILS(OpenSemaphoreA(SEMAPHORE_ALL_ACCESS, FALSE, NULL), ERROR_INVALID_PARAMETER);
    CHECK_FAILS(OpenWaitableTimerA(TIMER_ALL_ACCESS, FALSE, NULL), ERROR_INVALID_PARAMETER);
    CHECK_FAILS(OpenEventW(EVENT_ALL_ACCESS, FALSE, NULL), ERROR_INVALID_PARAMETER);
}

TEST(s220_the_last_error_says_whether_it_was_there)
{
    const char *name = unique("s220");
    HANDLE first, second, third, unnamed;
    SetLastError(0xdeadbeef);
    first = CreateMutexA(NULL, FALSE, name);
    CHECK(first != NULL);
    CHECK_ERROR(0);
    second = CreateMutexA(NULL, FALSE, name);
    CHECK(second != NULL);
    CHECK_ERROR(ERROR_ALREADY_EXISTS);
    SetLastError(0xdeadbeef);
    third = OpenMutexA(MUTEX_ALL_ACCESS, FALSE, name);
    CHECK(third != NULL);
    CHECK_ERROR(0xdeadbeef);
    unnamed = CreateMutexA(NULL, FALSE, NULL);
    CHECK(unnamed != NULL);
    CHECK_ERROR(0);
    CloseHandle(first);
    CloseHandle(second);
    CloseHandle(third);
    CloseHandle(unnamed);
}

TEST(s221_the_name_disappears_with_the_last_handle)
{
    const char *name = unique("s221");
    HANDLE first = CreateEventA(NULL, TRUE, TRUE, name), second = OpenEventA(SYNCHRONIZE, FALSE, name), copy;
    CHECK(first != NULL && second != NULL);
    CHECK(DuplicateHandle(GetCurrentProcess(), second, GetCurrentProcess(), &copy, 0, FALSE, DUPLICATE_SAME_ACCESS));
    CloseHandle(first);
    CloseHandle(second);
    second = OpenEventA(SYNCHRONIZE, FALSE, name);
    CHECK(second != NULL);
    CloseHandle(second);
    CloseHandle(copy);
    CHECK_FAILS(OpenEventA(SYNCHRONIZE, FALSE, name), ERROR_FILE_NOT_FOUND);
}

TEST(s222_local_and_global_select_the_namespace_and_no_other_backslash_is_legal)
{
    char local[200], global[200], other[200];
    const char *name = unique("s222");
    HANDLE first, second, third;
    snprintf(local, sizeof local, "Local\\%s", name);
    snprintf(global, sizeof global, "Global\\%s", name);
    snprintf(other, sizeof other, "nowhere of %s\\%s", name, name);
    first = CreateEventA(NULL, TRUE, TRUE, name);
    CHECK(first != NULL);
    second = OpenEventA(SYNCHRONIZE, FALSE, local);
    CHECK(second != NULL);
    CHECK_FAILS(OpenEventA(SYNCHRONIZE, FALSE, global), ERROR_FILE_NOT_FOUND);
    third = CreateMutexA(NULL, FALSE, global);
    CHECK(third != NULL);
    CHECK_ERROR(0);
    CHECK_FAILS(CreateEventA(NULL, TRUE, TRUE, other), ERROR_PATH_NOT_FOUND);
    CHECK_FAILS(OpenEventA(SYNCHRONIZE, FALSE, other), ERROR_PATH_NOT_FOUND);
    CloseHandle(first);
    CloseHandle(second);
    CloseHandle(third);
}

TEST(s223_opening_for_nothing_is_denied)
{
    const char *name = unique("s223");
    HANDLE held = CreateMutexA(NULL, FALSE, name);
    CHECK(held != NULL);
    CHECK_FAILS(OpenMutexA(0, FALSE, unique("nobody's")), ERROR_FILE_NOT_FOUND);
    wine_differs("it opens");
    CHECK_FAILS(OpenMutexA(0, FALSE, name), ERROR_ACCESS_DENIED);
    CloseHandle(held);
}

TEST(s224_a_duplicate_is_of_the_same_object)
{
    HANDLE process = GetCurrentProcess(), first = event(TRUE, FALSE), second, third;
    CHECK(DuplicateHandle(process, first, process, &second, 0, FALSE, DUPLICATE_SAME_ACCESS));
    CHECK(second != first);
    CHECK(SetEvent(second));
    CHECK(takes(first));
    CHECK(DuplicateHandle(process, second, process, &third, 0, FALSE,
                          DUPLICATE_SAME_ACCESS | DUPLICATE_CLOSE_SOURCE));
    CHECK(CloseHandle(first));
    CHECK(takes(third));
    CHECK(CloseHandle(third));
}

TEST(s224_the_source_is_closed_also_when_the_duplication_fails)
{
    HANDLE process = GetCurrentProcess(), source = event(TRUE, TRUE), target = WILD;
    CHECK_FAILS(DuplicateHandle(process, source, WILD, &target, 0, FALSE,
                                DUPLICATE_SAME_ACCESS | DUPLICATE_CLOSE_SOURCE),
                ERROR_INVALID_HANDLE);
    CHECK_EQ(target, NULL);
    CHECK_FAILS(CloseHandle(source), ERROR_INVALID_HANDLE);
}

TEST(s224_without_a_target_process_the_source_is_only_closed)
{
    HANDLE source = event(TRUE, TRUE);
    wine_differs("it wants a target");
    CHECK(DuplicateHandle(GetCurrentProcess(), source, NULL, NULL, 0, FALSE, DUPLICATE_CLOSE_SOURCE));
    CHECK_FAILS(CloseHandle(source), ERROR_INVALID_HANDLE);
}


static DWORD WINAPI duplicate_myself(void *place)
{
    HANDLE process = GetCurrentProcess();
    return !DuplicateHandle(process, GetCurrentThread(), process, place, 0, FALSE, DUPLICATE_SAME_ACCESS);
}

TEST(a_duplicate_of_a_pseudo_handle_is_a_real_one)
{
    HANDLE process = GetCurrentProcess(), real, thread, done = event(TRUE, FALSE), starter;
    CHECK(DuplicateHandle(process, process, process, &real, 0, FALSE, DUPLICATE_SAME_ACCESS));
    CHECK(real != process);
    CHECK_EQ(WaitForSingleObject(real, 1), WAIT_TIMEOUT);
    CHECK(CloseHandle(real));
    starter = start(duplicate_myself, &thread);
    CHECK_EQ(finish(starter), 0);
    CHECK(thread != GetCurrentThread());
    CHECK_EQ(WaitForSingleObject(thread, PATIENCE), WAIT_OBJECT_0);
    CHECK(CloseHandle(thread));
    CloseHandle(done);
}

TEST(s225_handles_are_multiples_of_four)
{
    HANDLE handles[16];
    int index;
    for (index = 0; index < 16; index++) {
        handles[index] = event(TRUE, FALSE);
        CHECK_EQ((ULONG_PTR)handles[index] & 3, 0);
        CHECK((ULONG_PTR)handles[index] < 0x80000000);
    }
    for (index = 0; index < 16; index++) {
        CHECK(SetEvent((HANDLE)((ULONG_PTR)handles[index] | (index & 3))));
        CHECK(CloseHandle(handles[index]));
    }
}

TEST(s226_a_closed_handle_is_not_closed_again)
{
    HANDLE closed = closed_handle();
    CHECK_FAILS(CloseHandle(closed), ERROR_INVALID_HANDLE);
    CHECK_FAILS(CloseHandle(NULL), ERROR_INVALID_HANDLE);
    CHECK_FAILS(CloseHandle(WILD), ERROR_INVALID_HANDLE);
    CHECK_FAILS(CloseHandle((HANDLE)(ULONG_PTR)0x123456789abcull), ERROR_INVALID_HANDLE);
}

TEST(s227_a_protected_handle_is_not_closed)
{
    HANDLE held = event(TRUE, TRUE);
    DWORD flags = 99;
    CHECK(GetHandleInformation(held, &flags));
    CHECK_EQ(flags, 0);
    CHECK(SetHandleInformation(held, HANDLE_FLAG_INHERIT | HANDLE_FLAG_PROTECT_FROM_CLOSE,
                               HANDLE_FLAG_PROTECT_FROM_CLOSE));
    CHECK(GetHandleInformation(held, &flags));
    CHECK_EQ(flags, HANDLE_FLAG_PROTECT_FROM_CLOSE);
    CHECK_FAILS(CloseHandle(held), ERROR_INVALID_HANDLE);
    CHECK(takes(held));
    CHECK(SetHandleInformation(held, HANDLE_FLAG_PROTECT_FROM_CLOSE | HANDLE_FLAG_INHERIT, HANDLE_FLAG_INHERIT));
    CHECK(GetHandleInformation(held, &flags));
    CHECK_EQ(flags, HANDLE_FLAG_INHERIT);
    CHECK(CloseHandle(held));
    flags = 99;
    CHECK_FAILS(GetHandleInformation(held, &flags), ERROR_INVALID_HANDLE);
    CHECK_FAILS(SetHandleInformation(held, HANDLE_FLAG_INHERIT, 0), ERROR_INVALID_HANDLE);
    CHECK_FAILS(SetHandleInformation(NULL, HANDLE_FLAG_INHERIT, 0), ERROR_INVALID_HANDLE);
    CHECK_EQ(flags, 99);
}

TEST(s227_a_handle_is_inherited_if_that_was_asked_for)
{
    SECURITY_ATTRIBUTES inherited = {sizeof inherited, NULL, TRUE};
    HANDLE held = CreateSemaphoreA(&inherited, 1, 1, NULL), copy;
    DWORD flags = 99;
    CHECK(held != NULL);
    CHECK(GetHandleInformation(held, &flags));
    CHECK_EQ(flags, HANDLE_FLAG_INHERIT);
    CHECK(DuplicateHandle(GetCurrentProcess(), held, GetCurrentProcess(), &copy, 0, FALSE, DUPLICATE_SAME_ACCESS));
    CHECK(GetHandleInformation(copy, &flags));
    CHECK_EQ(flags, 0);
    CloseHandle(copy);
    CloseHandle(held);
}

TEST(s228_the_pseudo_handles_have_fixed_values)
{
    CHECK_EQ(GetCurrentProcess(), (HANDLE)(LONG_PTR)-1);
    CHECK_EQ(GetCurrentThread(), (HANDLE)(LONG_PTR)-2);
    CHECK(CloseHandle(GetCurrentProcess()) && CloseHandle(GetCurrentThread()));
    CHECK_EQ(WaitForSingleObject((HANDLE)(LONG_PTR)-1, 0), WAIT_TIMEOUT);
}

TEST(s228_one_of_32_bits_that_was_widened_by_zeroes_is_none)
{
    wine_differs("it looks at 32 bits only");
    CHECK_EQ(WaitForSingleObject((HANDLE)(ULONG_PTR)0xffffffff, 0), WAIT_FAILED);
    CHECK_ERROR(ERROR_INVALID_HANDLE);
    CHECK_FAILS(CloseHandle((HANDLE)(ULONG_PTR)0xfffffffe), ERROR_INVALID_HANDLE);
}

TEST(names_in_wide_characters_are_the_same_names)
{
    static const WCHAR name[] = {'w', 'i', 'd', 'e', ' ', 0xfc, 0};
    static const char bytes[] = "wide \xc3\xbc";
    HANDLE first = CreateEventW(NULL, TRUE, TRUE, name), second = OpenEventW(SYNCHRONIZE, FALSE, name);
    CHECK(first != NULL && second != NULL);
    CHECK(takes(second));
    CloseHandle(second);
    if (TEST_IS_OURS) {
        second = OpenEventA(SYNCHRONIZE, FALSE, bytes);
        CHECK(second != NULL);
        CloseHandle(second);
    }
    CloseHandle(first);
}

TEST(names_that_cannot_be_are_refused)
{
    static char longer[66000];
    HANDLE unnamed = CreateEventA(NULL, TRUE, TRUE, "");
    CHECK(unnamed != NULL);
    CHECK_ERROR(0);
    CloseHandle(unnamed);
    memset(longer, 'x', 65536);
    CHECK_FAILS(CreateEventA(NULL, TRUE, TRUE, longer), ERROR_FILENAME_EXCED_RANGE);
    longer[300] = 0;
    CHECK_FAILS(CreateEventA(NULL, TRUE, TRUE, longer), ERROR_FILENAME_EXCED_RANGE);
    CHECK_FAILS(OpenEventA(SYNCHRONIZE, FALSE, longer), ERROR_FILENAME_EXCED_RANGE);
    longer[200] = 0;
    unnamed = CreateEventA(NULL, TRUE, TRUE, longer);
    CHECK(unnamed != NULL);
    CloseHandle(unnamed);
    CHECK_FAILS(OpenEventA(SYNCHRONIZE, FALSE, ""), ERROR_INVALID_HANDLE);
}

TEST(names_lead_nowhere)
{
    static const char *const names[] = {"..", "../../etc/passwd", "/etc/passwd", "a\nb", "%2e%2e", "."};
    size_t index;
    for (index = 0; index < sizeof names / sizeof *names; index++) {
        HANDLE first = CreateMutexA(NULL, FALSE, names[index]), second;
        CHECK(first != NULL);
        second = OpenMutexA(SYNCHRONIZE, FALSE, names[index]);
        CHECK(second != NULL);
        CloseHandle(first);
        CloseHandle(second);
    }
}

/* The compiler's libraries for Windows do not have it. */
static BOOL compare_handles(HANDLE one, HANDLE other)
{
#ifdef __linux__
    return CompareObjectHandles(one, other);
#else
    FARPROC compare = GetProcAddress(GetModuleHandleA("kernelbase.dll"), "CompareObjectHandles");
    CHECK(compare != NULL);
    return ((BOOL(WINAPI *)(HANDLE, HANDLE))(void *)compare)(one, other);
#endif
}

TEST(handles_to_one_object_are_told_from_others)
{
    const char *name = unique("compared");
    HANDLE first = CreateEventA(NULL, TRUE, TRUE, name), second = OpenEventA(SYNCHRONIZE, FALSE, name);
    HANDLE other = event(TRUE, TRUE), copy;
    CHECK(first != NULL && second != NULL);
    CHECK(DuplicateHandle(GetCurrentProcess(), other, GetCurrentProcess(), &copy, 0, FALSE, DUPLICATE_SAME_ACCESS));
    CHECK(compare_handles(first, second) && compare_handles(other, copy));
    CHECK(compare_handles(GetCurrentThread(), GetCurrentThread()));
    CHECK_FAILS(compare_handles(first, other), ERROR_NOT_SAME_OBJECT);
    CHECK_FAILS(compare_handles(other, GetCurrentProcess()), ERROR_NOT_SAME_OBJECT);
    CHECK_FAILS(compare_handles(first, WILD), ERROR_INVALID_HANDLE);
    CHECK_FAILS(compare_handles(NULL, first), ERROR_INVALID_HANDLE);
    CloseHandle(first);
    CloseHandle(second);
    CloseHandle(other);
    CloseHandle(copy);
}

TEST(what_is_no_handle_is_not_duplicated)
{
    HANDLE process = GetCurrentProcess(), held = event(TRUE, TRUE), target = WILD;
    HANDLE bad[] = {NULL, WILD, closed_handle(), (HANDLE)(ULONG_PTR)0x123456789abcull};
    size_t index;
    for (index = 0; index < sizeof bad / sizeof *bad; index++) {
        CHECK_FAILS(DuplicateHandle(process, bad[index], process, &target, 0, FALSE, DUPLICATE_SAME_ACCESS),
                    ERROR_INVALID_HANDLE);
        CHECK_FAILS(DuplicateHandle(bad[index], held, process, &target, 0, FALSE, DUPLICATE_SAME_ACCESS),
                    ERROR_INVALID_HANDLE);
        CHECK_FAILS(DuplicateHandle(process, held, bad[index], &target, 0, FALSE, DUPLICATE_SAME_ACCESS),
                    ERROR_INVALID_HANDLE);
    }
    CHECK_FAILS(DuplicateHandle(held, held, process, &target, 0, FALSE, DUPLICATE_SAME_ACCESS),
                ERROR_INVALID_HANDLE);
    CloseHandle(held);
}

/* Numbers of all sizes, the same in each run. */
static HANDLE any_number(unsigned long long *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return (HANDLE)(ULONG_PTR)(*state >> (*state & 63));
}

TEST(any_number_may_be_given_for_a_handle)
{
    unsigned long long state = 88172645463325252ull;
    int turn;
    only_ours("a number may be one of the system's own handles there");
    for (turn = 0; turn < 20000; turn++) {
        HANDLE number = any_number(&state), pair[2], copy = NULL;
        DWORD flags, waited;
        LARGE_INTEGER due = {0};
        pair[0] = number;
        pair[1] = any_number(&state);
        waited = WaitForSingleObject(number, 0);
        CHECK(waited == WAIT_FAILED || waited == WAIT_TIMEOUT || waited == WAIT_OBJECT_0);
        WaitForMultipleObjects(2, pair, turn & 1, 0);
        SignalObjectAndWait(number, pair[1], 0, TRUE);
        CHECK(!SetEvent(number) && !ResetEvent(number) && !PulseEvent(number));
        CHECK(!ReleaseMutex(number) && !ReleaseSemaphore(number, 1, NULL));
        CHECK(!SetWaitableTimer(number, &due, 0, NULL, NULL, FALSE) && !CancelWaitableTimer(number));
        GetHandleInformation(number, &flags);
        compare_handles(number, pair[1]);
        if (DuplicateHandle(GetCurrentProcess(), number, GetCurrentProcess(), &copy, 0, FALSE,
                            DUPLICATE_SAME_ACCESS)) {
            CHECK(CloseHandle(copy));
        }
        CHECK(!DuplicateHandle(GetCurrentProcess(), GetCurrentThread(), number, &copy, 0, FALSE, 0) ||
              CloseHandle(copy));
    }
}
