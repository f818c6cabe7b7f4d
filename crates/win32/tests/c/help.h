/* What several conformance programs need beside sockets: packets by what they bring, files, events, threads. */
#ifndef PROACTOR_HELP_H
#define PROACTOR_HELP_H

#include "pair.h"

#define UNUSED __attribute__((unused))

static UNUSED struct packet take_within(HANDLE port, DWORD milliseconds)
{
    struct packet packet = {FALSE, 0, 0x5a5a, 0x5a5a, (OVERLAPPED *)0x5a5a};
    SetLastError(0xdeadbeef);
    packet.success = GetQueuedCompletionStatus(port, &packet.bytes, &packet.key, &packet.overlapped, milliseconds);
    packet.error = GetLastError();
    return packet;
}

#define CHECK_EMPTY(port) check_nothing_queued(port)

/* A packet of success comes, with this key, OVERLAPPED and count. */
#define CHECK_PACKET(port, key_, overlapped_, bytes_)                                                                \
    do {                                                                                                             \
        struct packet packet_ = take_within(port, 10000);                                                            \
        if (!packet_.success) {                                                                                      \
            test_fail(__FILE__, __LINE__, "a packet with error %lu", (unsigned long)packet_.error);                  \
        }                                                                                                            \
        CHECK_EQ(packet_.key, (ULONG_PTR)(key_));                                                                    \
        CHECK(packet_.overlapped == (OVERLAPPED *)(overlapped_));                                                    \
        CHECK_EQ(packet_.bytes, (DWORD)(bytes_));                                                                    \
    } while (0)

/* A packet of failure comes, with this key, OVERLAPPED and error. */
#define CHECK_FAILED_PACKET(port, key_, overlapped_, error_)                                                         \
    do {                                                                                                             \
        struct packet packet_ = take_within(port, 10000);                                                            \
        CHECK(!packet_.success);                                                                                     \
        CHECK_EQ(packet_.error, (DWORD)(error_));                                                                    \
        CHECK_EQ(packet_.key, (ULONG_PTR)(key_));                                                                    \
        CHECK(packet_.overlapped == (OVERLAPPED *)(overlapped_));                                                    \
    } while (0)

/* The peer's next close is a reset. */
static UNUSED void close_with_reset(SOCKET socket)
{
    struct linger linger = {1, 0};
    CHECK_EQ(setsockopt(socket, SOL_SOCKET, SO_LINGER, (const char *)&linger, sizeof linger), 0);
    CHECK_EQ(closesocket(socket), 0);
}

/* A new file in the test's own folder, for reading and writing. */
static UNUSED HANDLE new_file(const char *name, DWORD flags)
{
    HANDLE file = CreateFileA(name, GENERIC_READ | GENERIC_WRITE, FILE_SHARE_READ | FILE_SHARE_WRITE, NULL,
                              CREATE_ALWAYS, flags, NULL);
    CHECK(file != INVALID_HANDLE_VALUE);
    return file;
}

/* Both ends of a pipe of bytes, the server's overlapped. */
static UNUSED void pipe_pair(HANDLE *server, HANDLE *client)
{
    char name[64];
    snprintf(name, sizeof name, "\\\\.\\pipe\\proactor-%lu", (unsigned long)GetCurrentProcessId());
    *server = CreateNamedPipeA(name, PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED, PIPE_TYPE_BYTE, 1, 4096, 4096, 0, NULL);
    CHECK(*server != INVALID_HANDLE_VALUE);
    *client = CreateFileA(name, GENERIC_READ | GENERIC_WRITE, 0, NULL, OPEN_EXISTING, 0, NULL);
    CHECK(*client != INVALID_HANDLE_VALUE);
}

static UNUSED HANDLE new_event(BOOL manual_reset, BOOL signalled)
{
    HANDLE event = CreateEventA(NULL, manual_reset, signalled, NULL);
    CHECK(event != NULL);
    return event;
}

static UNUSED int is_signalled(HANDLE handle)
{
    DWORD result = WaitForSingleObject(handle, 0);
    CHECK(result == WAIT_OBJECT_0 || result == WAIT_TIMEOUT);
    return result == WAIT_OBJECT_0;
}

static UNUSED HANDLE new_thread(LPTHREAD_START_ROUTINE routine, void *argument)
{
    HANDLE thread = CreateThread(NULL, 0, routine, argument, 0, NULL);
    CHECK(thread != NULL);
    return thread;
}

/* Waits for the thread's end, and gives what it returned. */
static UNUSED DWORD join(HANDLE thread)
{
    DWORD code = 0x5a5a;
    CHECK_EQ(WaitForSingleObject(thread, 20000), (DWORD)WAIT_OBJECT_0);
    CHECK(GetExitCodeThread(thread, &code));
    CHECK(CloseHandle(thread));
    return code;
}

#endif
