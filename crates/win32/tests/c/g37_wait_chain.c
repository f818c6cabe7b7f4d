/* Group 37: wait chains: who waits for whom, told from within the process. */
#include "test.h"

#include <wct.h>

/* Other headers have only the types. */
#ifndef WCT_MAX_NODE_COUNT
#define WCT_MAX_NODE_COUNT 16
#endif
#ifndef WCT_ASYNC_OPEN_FLAG
#define WCT_ASYNC_OPEN_FLAG 1
#endif
#ifndef ERROR_TOO_MANY_THREADS
#define ERROR_TOO_MANY_THREADS 565
#endif
#ifndef ERROR_OBJECT_NOT_FOUND
#define ERROR_OBJECT_NOT_FOUND 4312
#endif

static HANDLE mutexes[40];
static volatile LONG waiting;
static volatile LONG left;

static HANDLE new_mutex(void)
{
    HANDLE mutex = CreateMutexA(NULL, FALSE, NULL);
    CHECK(mutex != NULL);
    return mutex;
}

static HWCT open_session(void)
{
    HWCT session = OpenThreadWaitChainSession(0, NULL);
    CHECK(session != NULL);
    return session;
}

static DWORD ended(HANDLE thread)
{
    DWORD code = 0x5a5a;
    CHECK_EQ(WaitForSingleObject(thread, 20000), WAIT_OBJECT_0);
    CHECK(GetExitCodeThread(thread, &code));
    CHECK(CloseHandle(thread));
    return code;
}

TEST(s434_a_thread_that_runs_is_a_chain_of_one_node)
{
    WAITCHAIN_NODE_INFO nodes[WCT_MAX_NODE_COUNT];
    DWORD count = WCT_MAX_NODE_COUNT;
    BOOL cycle = 5;
    wine_differs("Wine has none of it");
    HWCT session = open_session();
    CHECK(GetThreadWaitChain(session, 0, 0, GetCurrentThreadId(), &count, nodes, &cycle));
    CHECK_EQ(count, 1u);
    CHECK_EQ(cycle, FALSE);
    CHECK_EQ(nodes[0].ObjectType, WctThreadType);
    CHECK_EQ(nodes[0].ObjectStatus, WctStatusRunning);
    CHECK_EQ(nodes[0].ThreadObject.ThreadId, GetCurrentThreadId());
    CHECK_EQ(nodes[0].ThreadObject.ProcessId, GetCurrentProcessId());
    CloseThreadWaitChainSession(session);
}

static DWORD WINAPI waits_for_a_mutex(LPVOID parameter)
{
    HANDLE mutex = parameter;
    InterlockedIncrement(&waiting);
    if (WaitForSingleObject(mutex, INFINITE) != WAIT_OBJECT_0) {
        return 1;
    }
    return ReleaseMutex(mutex) ? 0 : 2;
}

TEST(s434_a_chain_alternates_between_threads_and_objects)
{
    WAITCHAIN_NODE_INFO nodes[WCT_MAX_NODE_COUNT];
    DWORD count, id;
    BOOL cycle = TRUE;
    wine_differs("Wine has none of it");
    HWCT session = open_session();
    HANDLE mutex = new_mutex();
    CHECK_EQ(WaitForSingleObject(mutex, 0), WAIT_OBJECT_0);
    waiting = 0;
    HANDLE thread = CreateThread(NULL, 0, waits_for_a_mutex, mutex, 0, &id);
    CHECK(thread != NULL);
    EVENTUALLY((count = WCT_MAX_NODE_COUNT, GetThreadWaitChain(session, 0, 0, id, &count, nodes, &cycle)) &&
               count == 3);
    CHECK_EQ(cycle, FALSE);
    CHECK_EQ(nodes[0].ObjectType, WctThreadType);
    CHECK_EQ(nodes[0].ObjectStatus, WctStatusBlocked);
    CHECK_EQ(nodes[0].ThreadObject.ThreadId, id);
    CHECK_EQ(nodes[1].ObjectType, WctMutexType);
    CHECK_EQ(nodes[1].ObjectStatus, WctStatusOwned);
    CHECK_EQ(nodes[2].ObjectType, WctThreadType);
    CHECK_EQ(nodes[2].ThreadObject.ThreadId, GetCurrentThreadId());
    CHECK(ReleaseMutex(mutex));
    CHECK_EQ(ended(thread), 0u);
    CHECK(CloseHandle(mutex));
    CloseThreadWaitChainSession(session);
}

/* Takes the mutex of its number, and then the next one of so many; waits for that no longer than it must. */
struct link {
    LONG number;
    LONG next;
};

static DWORD WINAPI takes_two(LPVOID parameter)
{
    struct link link = *(struct link *)parameter;
    if (WaitForSingleObject(mutexes[link.number], INFINITE) != WAIT_OBJECT_0) {
        return 1;
    }
    InterlockedIncrement(&waiting);
    /* Until then nobody waits for what another has yet to take. */
    while (left > 0 && waiting < left) {
        SwitchToThread();
    }
    while (WaitForSingleObject(mutexes[link.next], 200) == WAIT_TIMEOUT) {
        if (left == 0) {
            ReleaseMutex(mutexes[link.number]);
            return 3;
        }
    }
    ReleaseMutex(mutexes[link.next]);
    ReleaseMutex(mutexes[link.number]);
    return 0;
}

TEST(s435_a_circle_is_told)
{
    WAITCHAIN_NODE_INFO nodes[WCT_MAX_NODE_COUNT];
    struct link links[2] = {{0, 1}, {1, 0}};
    HANDLE threads[2];
    DWORD ids[2], count;
    BOOL cycle = FALSE;
    wine_differs("Wine has none of it");
    HWCT session = open_session();
    waiting = 0;
    left = 2;
    for (int number = 0; number < 2; number++) {
        mutexes[number] = new_mutex();
    }
    for (int number = 0; number < 2; number++) {
        threads[number] = CreateThread(NULL, 0, takes_two, &links[number], 0, &ids[number]);
        CHECK(threads[number] != NULL);
    }
    EVENTUALLY((count = WCT_MAX_NODE_COUNT, GetThreadWaitChain(session, 0, 0, ids[0], &count, nodes, &cycle)) && cycle);
    CHECK_EQ(count, 4u);
    CHECK_EQ(nodes[0].ThreadObject.ThreadId, ids[0]);
    CHECK_EQ(nodes[2].ThreadObject.ThreadId, ids[1]);
    left = 0;
    for (int number = 0; number < 2; number++) {
        ended(threads[number]);
        CHECK(CloseHandle(mutexes[number]));
    }
    CloseThreadWaitChainSession(session);
}

TEST(s436_too_little_room_is_more_data_with_the_count_there_is)
{
    WAITCHAIN_NODE_INFO nodes[2];
    DWORD count, id;
    BOOL cycle;
    wine_differs("Wine has none of it");
    HWCT session = open_session();
    HANDLE mutex = new_mutex();
    CHECK_EQ(WaitForSingleObject(mutex, 0), WAIT_OBJECT_0);
    HANDLE thread = CreateThread(NULL, 0, waits_for_a_mutex, mutex, 0, &id);
    CHECK(thread != NULL);
    EVENTUALLY((count = 2, !GetThreadWaitChain(session, 0, 0, id, &count, nodes, &cycle)) && count == 3);
    CHECK_ERROR(ERROR_MORE_DATA);
    CHECK_EQ(nodes[0].ThreadObject.ThreadId, id);
    CHECK_EQ(nodes[1].ObjectType, WctMutexType);
    CHECK(ReleaseMutex(mutex));
    CHECK_EQ(ended(thread), 0u);
    CHECK(CloseHandle(mutex));
    count = 0;
    CHECK_FAILS(GetThreadWaitChain(session, 0, 0, id, &count, nodes, &cycle), ERROR_INVALID_PARAMETER);
    count = WCT_MAX_NODE_COUNT + 1;
    CHECK_FAILS(GetThreadWaitChain(session, 0, 0, id, &count, nodes, &cycle), ERROR_INVALID_PARAMETER);
    CloseThreadWaitChainSession(session);
}

TEST(s437_an_unknown_thread_is_not_found)
{
    WAITCHAIN_NODE_INFO nodes[WCT_MAX_NODE_COUNT];
    DWORD count = WCT_MAX_NODE_COUNT;
    BOOL cycle;
    wine_differs("Wine has none of it");
    HWCT session = open_session();
    CHECK_FAILS(GetThreadWaitChain(session, 0, 0, 0x7ffffffc, &count, nodes, &cycle), ERROR_OBJECT_NOT_FOUND);
    CloseThreadWaitChainSession(session);
}

TEST(s437_a_chain_beyond_the_most_keeps_its_beginning)
{
    enum { LINKS = 10 };
    WAITCHAIN_NODE_INFO nodes[WCT_MAX_NODE_COUNT];
    struct link links[LINKS];
    HANDLE threads[LINKS];
    DWORD ids[LINKS], count;
    BOOL cycle = TRUE;
    wine_differs("Wine has none of it");
    HWCT session = open_session();
    waiting = 0;
    left = LINKS;
    for (int number = 0; number <= LINKS; number++) {
        mutexes[number] = new_mutex();
    }
    CHECK_EQ(WaitForSingleObject(mutexes[LINKS], 0), WAIT_OBJECT_0);
    for (int number = 0; number < LINKS; number++) {
        links[number] = (struct link){number, number + 1};
        threads[number] = CreateThread(NULL, 0, takes_two, &links[number], 0, &ids[number]);
        CHECK(threads[number] != NULL);
    }
    EVENTUALLY((count = WCT_MAX_NODE_COUNT, !GetThreadWaitChain(session, 0, 0, ids[0], &count, nodes, &cycle)) &&
               GetLastError() == ERROR_TOO_MANY_THREADS);
    CHECK_EQ(count, (DWORD)WCT_MAX_NODE_COUNT);
    CHECK_EQ(cycle, FALSE);
    CHECK_EQ(nodes[2].ThreadObject.ThreadId, ids[1]);
    CHECK(ReleaseMutex(mutexes[LINKS]));
    for (int number = 0; number < LINKS; number++) {
        CHECK_EQ(ended(threads[number]), 0u);
    }
    for (int number = 0; number <= LINKS; number++) {
        CHECK(CloseHandle(mutexes[number]));
    }
    CloseThreadWaitChainSession(session);
}

static volatile LONG told;
static DWORD told_count;
static DWORD told_status;
static DWORD_PTR told_context;

static VOID CALLBACK hears(HWCT session, DWORD_PTR context, DWORD status, LPDWORD count, PWAITCHAIN_NODE_INFO nodes,
                           LPBOOL cycle)
{
    (void)session;
    told_context = context;
    told_status = status;
    told_count = *count;
    CHECK(nodes[0].ObjectType == WctThreadType && !*cycle);
    InterlockedExchange(&told, 1);
}

TEST(s438_an_asynchronous_session_tells_later)
{
    static WAITCHAIN_NODE_INFO nodes[WCT_MAX_NODE_COUNT];
    static DWORD count = WCT_MAX_NODE_COUNT;
    static BOOL cycle;
    wine_differs("Wine has none of it");
    told = 0;
    CHECK_FAILS(OpenThreadWaitChainSession(WCT_ASYNC_OPEN_FLAG, NULL) != NULL, ERROR_INVALID_PARAMETER);
    HWCT session = OpenThreadWaitChainSession(WCT_ASYNC_OPEN_FLAG, hears);
    CHECK(session != NULL);
    CHECK_FAILS(GetThreadWaitChain(session, 77, 0, GetCurrentThreadId(), &count, nodes, &cycle), ERROR_IO_PENDING);
    EVENTUALLY(told == 1);
    CHECK_EQ(told_context, 77u);
    CHECK_EQ(told_status, (DWORD)ERROR_SUCCESS);
    CHECK_EQ(told_count, 1u);
    CloseThreadWaitChainSession(session);
}

static CRITICAL_SECTION section;

static DWORD WINAPI enters(LPVOID parameter)
{
    (void)parameter;
    EnterCriticalSection(&section);
    LeaveCriticalSection(&section);
    return 0;
}

static DWORD WINAPI waits_for_a_thread(LPVOID parameter)
{
    return WaitForSingleObject(parameter, INFINITE);
}

static DWORD WINAPI waits_for_an_event(LPVOID parameter)
{
    return WaitForSingleObject(parameter, INFINITE);
}

/* The kind of what a thread waits for, and how many nodes its chain has; 0 as long as it waits for nothing. */
static DWORD waited_for(HWCT session, DWORD id, DWORD *nodes_there)
{
    WAITCHAIN_NODE_INFO nodes[WCT_MAX_NODE_COUNT];
    DWORD count = WCT_MAX_NODE_COUNT;
    BOOL cycle;
    CHECK(GetThreadWaitChain(session, 0, 0, id, &count, nodes, &cycle));
    *nodes_there = count;
    return count > 1 ? (DWORD)nodes[1].ObjectType : 0;
}

TEST(s440_sections_and_threads_have_owners_and_events_have_none)
{
    DWORD ids[3], count;
    wine_differs("Wine has none of it");
    HWCT session = open_session();
    HANDLE event = CreateEventA(NULL, TRUE, FALSE, NULL);
    InitializeCriticalSection(&section);
    EnterCriticalSection(&section);
    HANDLE threads[3];
    threads[0] = CreateThread(NULL, 0, enters, NULL, 0, &ids[0]);
    threads[1] = CreateThread(NULL, 0, waits_for_a_thread, threads[0], 0, &ids[1]);
    threads[2] = CreateThread(NULL, 0, waits_for_an_event, event, 0, &ids[2]);
    EVENTUALLY(waited_for(session, ids[0], &count) == WctCriticalSectionType);
    CHECK_EQ(count, 3u);
    EVENTUALLY(waited_for(session, ids[1], &count) == WctThreadWaitType);
    CHECK_EQ(count, 5u);
    EVENTUALLY(waited_for(session, ids[2], &count) == WctUnknownType);
    CHECK_EQ(count, 2u);
    LeaveCriticalSection(&section);
    CHECK(SetEvent(event));
    CHECK_EQ(ended(threads[1]), 0u);
    CHECK_EQ(ended(threads[0]), 0u);
    CHECK_EQ(ended(threads[2]), 0u);
    CHECK(CloseHandle(event));
    DeleteCriticalSection(&section);
    CloseThreadWaitChainSession(session);
}

TEST(s437_what_is_no_session_is_refused)
{
    WAITCHAIN_NODE_INFO nodes[WCT_MAX_NODE_COUNT];
    DWORD count = WCT_MAX_NODE_COUNT;
    BOOL cycle;
    wine_differs("Wine has none of it");
    CHECK_FAILS(GetThreadWaitChain(NULL, 0, 0, 1, &count, nodes, &cycle), ERROR_INVALID_HANDLE);
    HWCT session = open_session();
    CHECK_FAILS(GetThreadWaitChain(session, 0, 0, 1, NULL, nodes, &cycle), ERROR_INVALID_PARAMETER);
    CHECK_FAILS(GetThreadWaitChain(session, 0, 0x80, 1, &count, nodes, &cycle), ERROR_INVALID_PARAMETER);
    CloseThreadWaitChainSession(session);
    CHECK_FAILS(GetThreadWaitChain(session, 0, 0, 1, &count, nodes, &cycle), ERROR_INVALID_HANDLE);
}
