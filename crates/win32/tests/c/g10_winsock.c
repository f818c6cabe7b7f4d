/* Group 10: calls queued to a thread that is in a blocking call of Winsock. */
#include "pair.h"

static DWORD apcs;

static void CALLBACK count_apc(ULONG_PTR by)
{
    apcs += (DWORD)by;
}

struct late {
    SOCKET socket;
    HANDLE thread;
};

/* Calls the thread that receives, and only then sends. */
static DWORD WINAPI call_then_send(void *argument)
{
    struct late *late = argument;
    test_pause();
    CHECK(QueueUserAPC(count_apc, late->thread, 1));
    EVENTUALLY(apcs == 1);
    CHECK_EQ(send(late->socket, "x", 1, 0), 1);
    return 0;
}

TEST(s142_a_blocking_call_runs_calls_and_goes_on_waiting)
{
    struct pair p = pair();
    struct late late = {p.theirs, NULL};
    HANDLE thread;
    char byte = 0;
    CHECK(DuplicateHandle(GetCurrentProcess(), GetCurrentThread(), GetCurrentProcess(), &late.thread, 0, FALSE,
                          DUPLICATE_SAME_ACCESS));
    apcs = 0;
    thread = CreateThread(NULL, 0, call_then_send, &late, 0, NULL);
    CHECK_EQ(recv(p.ours, &byte, 1, 0), 1);
    CHECK_EQ(byte, 'x');
    CHECK_EQ(apcs, 1);
    CHECK_EQ(WaitForSingleObject(thread, 10000), WAIT_OBJECT_0);
    CloseHandle(thread);
    CloseHandle(late.thread);
    close_pair(p);
}

TEST(s143_a_call_that_can_complete_at_once_runs_none)
{
    struct pair p = pair();
    char byte = 0;
    apcs = 0;
    CHECK_EQ(send(p.theirs, "x", 1, 0), 1);
    EVENTUALLY(recv(p.ours, &byte, 1, MSG_PEEK) == 1);
    CHECK(QueueUserAPC(count_apc, GetCurrentThread(), 1));
    CHECK_EQ(recv(p.ours, &byte, 1, 0), 1);
    CHECK_EQ(send(p.ours, &byte, 1, 0), 1);
    CHECK_EQ(apcs, 0);
    CHECK_EQ(SleepEx(0, TRUE), WAIT_IO_COMPLETION);
    close_pair(p);
}

static void CALLBACK end_thread(ULONG_PTR exit_code)
{
    ExitThread((DWORD)exit_code);
}

static DWORD WINAPI receive_for_ever(void *argument)
{
    char byte;
    recv(*(SOCKET *)argument, &byte, 1, 0);
    return 1;
}

TEST(s142_a_call_may_end_its_thread_within_a_blocking_call)
{
    struct pair p = pair();
    DWORD exit_code = 0;
    char byte = 0;
    HANDLE thread = CreateThread(NULL, 0, receive_for_ever, &p.ours, 0, NULL);
    CHECK(thread != NULL);
    test_pause();
    CHECK(QueueUserAPC(end_thread, thread, 142));
    CHECK_EQ(WaitForSingleObject(thread, 10000), WAIT_OBJECT_0);
    CHECK(GetExitCodeThread(thread, &exit_code));
    CHECK_EQ(exit_code, 142);
    /* What it waited for is there for another. */
    CHECK_EQ(send(p.theirs, "x", 1, 0), 1);
    CHECK_EQ(recv(p.ours, &byte, 1, 0), 1);
    CHECK_EQ(byte, 'x');
    CloseHandle(thread);
    close_pair(p);
}
