/* Objects and threads for the tests of waits. */
#ifndef PROACTOR_TEST_OBJECTS_H
#define PROACTOR_TEST_OBJECTS_H

#include "test.h"

/* As long as it may take on a busy machine. */
#define PATIENCE 20000

/* A number that was never a handle. */
#define WILD ((HANDLE)(ULONG_PTR)0x7ffffff0)

__attribute__((unused)) static HANDLE event(BOOL manual, BOOL set)
{
    HANDLE event = CreateEventA(NULL, manual, set, NULL);
    CHECK(event != NULL);
    return event;
}

__attribute__((unused)) static HANDLE mutex(BOOL owned)
{
    HANDLE mutex = CreateMutexA(NULL, owned, NULL);
    CHECK(mutex != NULL);
    return mutex;
}

__attribute__((unused)) static HANDLE semaphore(LONG count, LONG most)
{
    HANDLE semaphore = CreateSemaphoreA(NULL, count, most, NULL);
    CHECK(semaphore != NULL);
    return semaphore;
}

/* Whether a wait would be satisfied; takes what a wait takes. */
__attribute__((unused)) static BOOL takes(HANDLE object)
{
    DWORD waited = WaitForSingleObject(object, 0);
    CHECK(waited == WAIT_OBJECT_0 || waited == WAIT_TIMEOUT);
    return waited == WAIT_OBJECT_0;
}

__attribute__((unused)) static HANDLE start(LPTHREAD_START_ROUTINE routine, void *value)
{
    HANDLE thread = CreateThread(NULL, 0, routine, value, 0, NULL);
    CHECK(thread != NULL);
    return thread;
}

/* Waits for the end of a thread; gives its exit code. */
__attribute__((unused)) static DWORD finish(HANDLE thread)
{
    DWORD code;
    CHECK_EQ(WaitForSingleObject(thread, PATIENCE), WAIT_OBJECT_0);
    CHECK(GetExitCodeThread(thread, &code));
    CHECK(CloseHandle(thread));
    return code;
}

/* Handles that are none of an event, mutex, semaphore or timer. */
#define BAD_HANDLES(closed)                                                                                          \
    {                                                                                                                \
        NULL, WILD, (closed), GetCurrentProcess(), GetCurrentThread(), (HANDLE)(ULONG_PTR)0x123456789abcull          \
    }

__attribute__((unused)) static HANDLE closed_handle(void)
{
    HANDLE closed = event(TRUE, TRUE);
    CHECK(CloseHandle(closed));
    return closed;
}

/* A name that no other test or program has. */
__attribute__((unused)) static const char *unique(const char *name)
{
    static char text[4][200];
    static unsigned int next;
    char *place = text[next++ % 4];
    snprintf(place, sizeof text[0], "%s of %lu", name, (unsigned long)GetCurrentProcessId());
    return place;
}

#endif
