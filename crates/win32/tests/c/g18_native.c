/* Groups 12 to 18 by the native functions: states before, counts, statuses, attributes. */
#include "objects.h"

#include <winternl.h>

#ifndef __linux__
/* The compiler's headers for Windows leave these out. */
typedef struct {
    LONG EventType, EventState;
} EVENT_BASIC_INFORMATION;
typedef struct {
    LONG CurrentCount;
    BOOLEAN OwnedByCaller, AbandonedState;
} MUTANT_BASIC_INFORMATION;
typedef struct {
    ULONG CurrentCount, MaximumCount;
} SEMAPHORE_BASIC_INFORMATION;
typedef struct {
    LARGE_INTEGER RemainingTime;
    BOOLEAN TimerState;
} TIMER_BASIC_INFORMATION;
#define NotificationEvent 0
#define SynchronizationEvent 1
#define NotificationTimer 0
#define SynchronizationTimer 1
#define WaitAll 0
#define WaitAny 1
NTSTATUS NTAPI NtCreateEvent(PHANDLE, ACCESS_MASK, const OBJECT_ATTRIBUTES *, int, BOOLEAN);
NTSTATUS NTAPI NtOpenEvent(PHANDLE, ACCESS_MASK, const OBJECT_ATTRIBUTES *);
NTSTATUS NTAPI NtSetEvent(HANDLE, PLONG);
NTSTATUS NTAPI NtResetEvent(HANDLE, PLONG);
NTSTATUS NTAPI NtPulseEvent(HANDLE, PLONG);
NTSTATUS NTAPI NtClearEvent(HANDLE);
NTSTATUS NTAPI NtQueryEvent(HANDLE, int, PVOID, ULONG, PULONG);
NTSTATUS NTAPI NtCreateMutant(PHANDLE, ACCESS_MASK, const OBJECT_ATTRIBUTES *, BOOLEAN);
NTSTATUS NTAPI NtOpenMutant(PHANDLE, ACCESS_MASK, const OBJECT_ATTRIBUTES *);
NTSTATUS NTAPI NtReleaseMutant(HANDLE, PLONG);
NTSTATUS NTAPI NtQueryMutant(HANDLE, int, PVOID, ULONG, PULONG);
NTSTATUS NTAPI NtCreateSemaphore(PHANDLE, ACCESS_MASK, const OBJECT_ATTRIBUTES *, LONG, LONG);
NTSTATUS NTAPI NtOpenSemaphore(PHANDLE, ACCESS_MASK, const OBJECT_ATTRIBUTES *);
NTSTATUS NTAPI NtReleaseSemaphore(HANDLE, ULONG, PULONG);
NTSTATUS NTAPI NtQuerySemaphore(HANDLE, int, PVOID, ULONG, PULONG);
NTSTATUS NTAPI NtCreateTimer(PHANDLE, ACCESS_MASK, const OBJECT_ATTRIBUTES *, int);
NTSTATUS NTAPI NtOpenTimer(PHANDLE, ACCESS_MASK, const OBJECT_ATTRIBUTES *);
NTSTATUS NTAPI NtSetTimer(HANDLE, const LARGE_INTEGER *, PVOID, PVOID, BOOLEAN, ULONG, PBOOLEAN);
NTSTATUS NTAPI NtCancelTimer(HANDLE, PBOOLEAN);
NTSTATUS NTAPI NtQueryTimer(HANDLE, int, PVOID, ULONG, PULONG);
NTSTATUS NTAPI NtWaitForMultipleObjects(ULONG, const HANDLE *, int, BOOLEAN, const LARGE_INTEGER *);
NTSTATUS NTAPI NtSignalAndWaitForSingleObject(HANDLE, HANDLE, BOOLEAN, const LARGE_INTEGER *);
NTSTATUS NTAPI NtDuplicateObject(HANDLE, HANDLE, HANDLE, PHANDLE, ACCESS_MASK, ULONG, ULONG);
NTSTATUS NTAPI NtCompareObjects(HANDLE, HANDLE);
#ifndef OBJ_OPENIF
#define OBJ_OPENIF 0x80
#endif
#endif

/* A call's status. */
#define STATUS(call, wanted) CHECK_EQ((DWORD)(call), (DWORD)(wanted))

#define SUCCESS 0
#define NAME_EXISTS 0x40000000
#define INVALID_INFO_CLASS 0xc0000003
#define INFO_LENGTH_MISMATCH 0xc0000004
#define BAD_HANDLE 0xc0000008
#define BAD_PARAMETER 0xc000000d
#define DENIED 0xc0000022
#define TYPE_MISMATCH 0xc0000024
#define NAME_NOT_FOUND 0xc0000034
#define NAME_COLLISION 0xc0000035
#define PATH_NOT_FOUND 0xc000003a
#define PATH_SYNTAX_BAD 0xc000003b
#define MUTANT_NOT_OWNED 0xc0000046
#define LIMIT_EXCEEDED 0xc0000047
#define BAD_PARAMETER_1 0xc00000ef

static LARGE_INTEGER now;

static HANDLE native_event(int type, BOOLEAN set)
{
    HANDLE event = NULL;
    STATUS(NtCreateEvent(&event, EVENT_ALL_ACCESS, NULL, type, set), SUCCESS);
    CHECK(event != NULL);
    return event;
}

TEST(s179_set_reset_and_pulse_say_how_it_was)
{
    HANDLE event = native_event(NotificationEvent, FALSE);
    LONG before = 99;
    STATUS(NtSetEvent(event, &before), SUCCESS);
    CHECK_EQ(before, 0);
    STATUS(NtSetEvent(event, &before), SUCCESS);
    CHECK_EQ(before, 1);
    STATUS(NtResetEvent(event, &before), SUCCESS);
    CHECK_EQ(before, 1);
    STATUS(NtPulseEvent(event, &before), SUCCESS);
    CHECK_EQ(before, 0);
    STATUS(NtSetEvent(event, NULL), SUCCESS);
    STATUS(NtPulseEvent(event, &before), SUCCESS);
    CHECK_EQ(before, 1);
    CHECK(!takes(event));
    STATUS(NtSetEvent(event, NULL), SUCCESS);
    STATUS(NtClearEvent(event), SUCCESS);
    CHECK(!takes(event));
    before = 99;
    STATUS(NtSetEvent(NULL, &before), BAD_HANDLE);
    STATUS(NtSetEvent(GetCurrentThread(), &before), TYPE_MISMATCH);
    CHECK_EQ(before, 99);
    STATUS(NtClose(event), SUCCESS);
    STATUS(NtClose(event), BAD_HANDLE);
}

TEST(s181_an_event_of_a_third_type_is_refused)
{
    HANDLE event;
    STATUS(NtCreateEvent(&event, EVENT_ALL_ACCESS, NULL, 2, FALSE), BAD_PARAMETER);
    STATUS(NtCreateEvent(&event, EVENT_ALL_ACCESS, NULL, -1, FALSE), BAD_PARAMETER);
}

TEST(an_event_says_of_which_type_it_is_and_how_it_stands)
{
    HANDLE event = native_event(SynchronizationEvent, TRUE), some;
    EVENT_BASIC_INFORMATION information;
    ULONG length = 99;
    STATUS(NtQueryEvent(event, 0, &information, sizeof information, &length), SUCCESS);
    CHECK(information.EventType == SynchronizationEvent && information.EventState == 1);
    CHECK_EQ(length, sizeof information);
    STATUS(NtQueryEvent(event, 0, &information, sizeof information, NULL), SUCCESS);
    STATUS(NtQueryEvent(event, 1, &information, sizeof information, NULL), INVALID_INFO_CLASS);
    STATUS(NtQueryEvent(event, 0, &information, sizeof information - 1, NULL), INFO_LENGTH_MISMATCH);
    STATUS(NtDuplicateObject(GetCurrentProcess(), event, GetCurrentProcess(), &some, SYNCHRONIZE, 0, 0), SUCCESS);
    STATUS(NtQueryEvent(some, 0, &information, sizeof information, NULL), DENIED);
    STATUS(NtSetEvent(some, NULL), DENIED);
    CHECK(takes(some));
    NtClose(event);
    NtClose(some);
}

static MUTANT_BASIC_INFORMATION mutant_information(HANDLE mutant)
{
    MUTANT_BASIC_INFORMATION information;
    STATUS(NtQueryMutant(mutant, 0, &information, sizeof information, NULL), SUCCESS);
    return information;
}

static DWORD WINAPI take_twice(void *mutant)
{
    return WaitForSingleObject(mutant, PATIENCE) + WaitForSingleObject(mutant, PATIENCE);
}

TEST(s193_a_mutant_counts_down_from_one)
{
    HANDLE mutant = NULL;
    LONG before = 99;
    STATUS(NtCreateMutant(&mutant, MUTANT_ALL_ACCESS, NULL, FALSE), SUCCESS);
    CHECK_EQ(mutant_information(mutant).CurrentCount, 1);
    CHECK(!mutant_information(mutant).OwnedByCaller && !mutant_information(mutant).AbandonedState);
    CHECK(takes(mutant) && takes(mutant));
    CHECK_EQ(mutant_information(mutant).CurrentCount, -1);
    CHECK(mutant_information(mutant).OwnedByCaller);
    STATUS(NtReleaseMutant(mutant, &before), SUCCESS);
    CHECK_EQ(before, -1);
    CHECK_EQ(mutant_information(mutant).CurrentCount, 0);
    STATUS(NtReleaseMutant(mutant, &before), SUCCESS);
    CHECK_EQ(before, 0);
    STATUS(NtReleaseMutant(mutant, NULL), MUTANT_NOT_OWNED);
    CHECK_EQ(finish(start(take_twice, mutant)), 0);
    CHECK_EQ(mutant_information(mutant).CurrentCount, 1);
    CHECK(mutant_information(mutant).AbandonedState && !mutant_information(mutant).OwnedByCaller);
    STATUS(NtWaitForSingleObject(mutant, FALSE, NULL), 0x80);
    CHECK(!mutant_information(mutant).AbandonedState);
    NtClose(mutant);
}

TEST(a_semaphore_says_how_it_stands)
{
    HANDLE semaphore = NULL;
    SEMAPHORE_BASIC_INFORMATION information;
    ULONG before = 99;
    STATUS(NtCreateSemaphore(&semaphore, SEMAPHORE_ALL_ACCESS, NULL, 2, 1), BAD_PARAMETER);
    STATUS(NtCreateSemaphore(&semaphore, SEMAPHORE_ALL_ACCESS, NULL, 1, 5), SUCCESS);
    STATUS(NtReleaseSemaphore(semaphore, 2, &before), SUCCESS);
    CHECK_EQ(before, 1);
    STATUS(NtReleaseSemaphore(semaphore, 3, &before), LIMIT_EXCEEDED);
    CHECK_EQ(before, 1);
    STATUS(NtQuerySemaphore(semaphore, 0, &information, sizeof information, NULL), SUCCESS);
    CHECK(information.CurrentCount == 3 && information.MaximumCount == 5);
    STATUS(NtQuerySemaphore(semaphore, 0, &information, 4, NULL), INFO_LENGTH_MISMATCH);
    STATUS(NtQueryMutant(semaphore, 0, &information, sizeof information, NULL), TYPE_MISMATCH);
    NtClose(semaphore);
}

TEST(a_timer_says_how_long_it_still_has)
{
    HANDLE timer = NULL;
    TIMER_BASIC_INFORMATION information;
    LARGE_INTEGER due;
    BOOLEAN before = 99;
    due.QuadPart = -36000000000;
    STATUS(NtCreateTimer(&timer, TIMER_ALL_ACCESS, NULL, 2), BAD_PARAMETER);
    STATUS(NtCreateTimer(&timer, TIMER_ALL_ACCESS, NULL, NotificationTimer), SUCCESS);
    STATUS(NtSetTimer(timer, &due, NULL, NULL, FALSE, 0, &before), SUCCESS);
    CHECK_EQ(before, FALSE);
    STATUS(NtQueryTimer(timer, 0, &information, sizeof information, NULL), SUCCESS);
    CHECK(information.RemainingTime.QuadPart > 0 && information.RemainingTime.QuadPart <= 36000000000);
    CHECK(!information.TimerState);
    STATUS(NtSetTimer(timer, &now, NULL, NULL, FALSE, 0, &before), SUCCESS);
    STATUS(NtWaitForSingleObject(timer, FALSE, NULL), SUCCESS);
    STATUS(NtQueryTimer(timer, 0, &information, sizeof information, NULL), SUCCESS);
    CHECK(information.RemainingTime.QuadPart <= 0 && information.TimerState);
    STATUS(NtSetTimer(timer, &due, NULL, NULL, FALSE, 0, &before), SUCCESS);
    CHECK_EQ(before, TRUE);
    STATUS(NtCancelTimer(timer, &before), SUCCESS);
    CHECK_EQ(before, FALSE);
    NtClose(timer);
}

TEST(native_waits_give_statuses)
{
    HANDLE events[] = {native_event(NotificationEvent, FALSE), native_event(SynchronizationEvent, TRUE)};
    LARGE_INTEGER soon;
    soon.QuadPart = -10000;
    STATUS(NtWaitForSingleObject(events[0], FALSE, &soon), 0x102);
    STATUS(NtWaitForMultipleObjects(2, events, WaitAll, FALSE, &now), 0x102);
    STATUS(NtWaitForMultipleObjects(2, events, WaitAny, FALSE, NULL), 1);
    STATUS(NtWaitForMultipleObjects(0, events, WaitAny, FALSE, NULL), BAD_PARAMETER_1);
    STATUS(NtWaitForMultipleObjects(65, events, WaitAny, FALSE, NULL), BAD_PARAMETER_1);
    STATUS(NtSignalAndWaitForSingleObject(events[1], events[1], FALSE, NULL), SUCCESS);
    STATUS(NtSignalAndWaitForSingleObject(events[1], events[0], FALSE, &now), 0x102);
    STATUS(NtSignalAndWaitForSingleObject(GetCurrentThread(), events[1], FALSE, &now), TYPE_MISMATCH);
    CHECK(takes(events[1]));
    STATUS(NtWaitForSingleObject(NULL, FALSE, &now), BAD_HANDLE);
    STATUS(NtWaitForSingleObject(WILD, FALSE, &now), BAD_HANDLE);
    NtClose(events[0]);
    NtClose(events[1]);
}

/* Attributes with a name in the directory of global names. */
static OBJECT_ATTRIBUTES *named(const char *directory, const char *name, ULONG flags)
{
    static OBJECT_ATTRIBUTES attributes;
    static UNICODE_STRING string;
    static WCHAR wide[300];
    char path[300];
    size_t index;
    snprintf(path, sizeof path, "%s%s", directory, name);
    for (index = 0; path[index] != 0; index++) {
        wide[index] = (WCHAR)path[index];
    }
    wide[index] = 0;
    RtlInitUnicodeString(&string, wide);
    InitializeObjectAttributes(&attributes, &string, flags, NULL, NULL);
    return &attributes;
}

#define GLOBAL "\\BaseNamedObjects\\"

TEST(native_names_are_paths)
{
    const char *name = unique("native");
    char global[200];
    HANDLE first = NULL, second = NULL, third = NULL;
    snprintf(global, sizeof global, "Global\\%s", name);
    STATUS(NtOpenEvent(&first, EVENT_ALL_ACCESS, named(GLOBAL, name, 0)), NAME_NOT_FOUND);
    STATUS(NtCreateEvent(&first, EVENT_ALL_ACCESS, named(GLOBAL, name, 0), NotificationEvent, TRUE), SUCCESS);
    STATUS(NtCreateEvent(&second, EVENT_ALL_ACCESS, named(GLOBAL, name, 0), NotificationEvent, TRUE),
           NAME_COLLISION);
    CHECK_EQ(second, NULL);
    STATUS(NtCreateEvent(&second, EVENT_ALL_ACCESS, named(GLOBAL, name, OBJ_OPENIF), SynchronizationEvent, FALSE),
           NAME_EXISTS);
    CHECK(takes(second) && takes(second));
    STATUS(NtOpenMutant(&third, MUTANT_ALL_ACCESS, named(GLOBAL, name, 0)), TYPE_MISMATCH);
    STATUS(NtCreateSemaphore(&third, SEMAPHORE_ALL_ACCESS, named(GLOBAL, name, OBJ_OPENIF), 1, 1), TYPE_MISMATCH);
    third = OpenEventA(SYNCHRONIZE, FALSE, global);
    CHECK(third != NULL);
    STATUS(NtCompareObjects(first, third), SUCCESS);
    NtClose(first);
    NtClose(second);
    NtClose(third);
    STATUS(NtOpenEvent(&first, EVENT_ALL_ACCESS, named(GLOBAL, name, 0)), NAME_NOT_FOUND);
    STATUS(NtOpenEvent(&first, EVENT_ALL_ACCESS, named("", name, 0)), PATH_SYNTAX_BAD);
    STATUS(NtOpenSemaphore(&first, EVENT_ALL_ACCESS, named("\\Nowhere\\", name, 0)), PATH_NOT_FOUND);
    STATUS(NtCreateTimer(&first, EVENT_ALL_ACCESS, named("", name, 0), NotificationTimer), PATH_SYNTAX_BAD);
    STATUS(NtOpenTimer(&first, EVENT_ALL_ACCESS, NULL), BAD_PARAMETER);
}

TEST(a_duplicate_may_keep_its_attributes)
{
    HANDLE event = native_event(NotificationEvent, FALSE), copy = NULL, process = GetCurrentProcess();
    DWORD flags;
    wine_differs("it gives them to none");
    CHECK(SetHandleInformation(event, HANDLE_FLAG_INHERIT, HANDLE_FLAG_INHERIT));
    STATUS(NtDuplicateObject(process, event, process, &copy, 0, 0, DUPLICATE_SAME_ACCESS | 4), SUCCESS);
    CHECK(GetHandleInformation(copy, &flags) && flags == HANDLE_FLAG_INHERIT);
    NtClose(copy);
    STATUS(NtDuplicateObject(process, event, process, &copy, 0, 0, DUPLICATE_SAME_ACCESS), SUCCESS);
    CHECK(GetHandleInformation(copy, &flags) && flags == 0);
    NtClose(copy);
    STATUS(NtDuplicateObject(process, WILD, process, &copy, 0, 0, DUPLICATE_SAME_ACCESS), BAD_HANDLE);
    NtClose(event);
}

TEST(statuses_are_errors_of_win32_too)
{
    CHECK_EQ(RtlNtStatusToDosError((NTSTATUS)DENIED), ERROR_ACCESS_DENIED);
    CHECK_EQ(RtlNtStatusToDosError((NTSTATUS)LIMIT_EXCEEDED), ERROR_TOO_MANY_POSTS);
    CHECK_EQ(RtlNtStatusToDosError((NTSTATUS)TYPE_MISMATCH), ERROR_INVALID_HANDLE);
    CHECK_EQ(RtlNtStatusToDosError(SUCCESS), ERROR_SUCCESS);
    CHECK_EQ(RtlNtStatusToDosError((NTSTATUS)0xc0ffee00), ERROR_MR_MID_NOT_FOUND);
}
