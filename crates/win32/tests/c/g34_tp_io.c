/* Group 34: handles whose operations complete in a thread pool. */
#include "help.h"

struct calls {
    LONG count;
    LONG running, go_on;
    HANDLE begun, go;
    ULONG result;
    ULONG_PTR bytes;
    void *overlapped;
    PTP_IO io;
};

static struct calls calls;

static void calls_new(BOOL holds)
{
    memset(&calls, 0, sizeof calls);
    calls.begun = CreateSemaphoreA(NULL, 0, 1000, NULL);
    calls.go = new_event(TRUE, !holds);
    CHECK(calls.begun != NULL);
}

static void NTAPI called(PTP_CALLBACK_INSTANCE instance, void *context, void *overlapped, ULONG result,
                         ULONG_PTR bytes, PTP_IO io)
{
    CHECK(instance != NULL && context == &calls);
    calls.result = result;
    calls.bytes = bytes;
    calls.overlapped = overlapped;
    calls.io = io;
    InterlockedIncrement(&calls.running);
    CHECK(ReleaseSemaphore(calls.begun, 1, NULL));
    CHECK_EQ(WaitForSingleObject(calls.go, 10000), (DWORD)WAIT_OBJECT_0);
    InterlockedDecrement(&calls.running);
    InterlockedIncrement(&calls.count);
}

static void wait_for_call(void)
{
    CHECK_EQ(WaitForSingleObject(calls.begun, 10000), (DWORD)WAIT_OBJECT_0);
}

static PTP_IO new_io(SOCKET socket)
{
    PTP_IO io = CreateThreadpoolIo((HANDLE)socket, called, &calls, NULL);
    CHECK(io != NULL);
    return io;
}

TEST(s396_a_handle_has_one_pool)
{
    struct pair p = pair();
    OVERLAPPED overlapped = {0};
    char byte;
    PTP_IO io;
    calls_new(FALSE);
    io = new_io(p.ours);
    CHECK_FAILS(CreateThreadpoolIo((HANDLE)p.ours, called, &calls, NULL) != NULL, ERROR_INVALID_PARAMETER);
    StartThreadpoolIo(io);
    receive_later(p.ours, &byte, 1, &overlapped);
    CHECK_EQ(send(p.theirs, "x", 1, 0), 1);
    wait_for_call();
    WaitForThreadpoolIoCallbacks(io, FALSE);
    CHECK_EQ(calls.count, 1);
    CHECK(calls.overlapped == &overlapped && calls.io == io);
    CHECK(calls.result == NO_ERROR && calls.bytes == 1 && byte == 'x');
    CloseThreadpoolIo(io);
    CHECK_FAILS(CreateThreadpoolIo(NULL, called, &calls, NULL) != NULL, ERROR_INVALID_HANDLE);
    close_pair(p);
}

TEST(s397_what_queues_no_packet_is_taken_back)
{
    struct pair p = pair();
    OVERLAPPED overlapped = {0};
    DWORD flags = 0;
    char byte;
    WSABUF buffer = {1, &byte};
    PTP_IO io;
    SOCKET unconnected = WSASocketA(AF_INET, SOCK_STREAM, IPPROTO_TCP, NULL, 0, WSA_FLAG_OVERLAPPED);
    calls_new(FALSE);
    io = new_io(unconnected);
    StartThreadpoolIo(io);
    CHECK_EQ(WSARecv(unconnected, &buffer, 1, NULL, &flags, &overlapped, NULL), SOCKET_ERROR);
    CHECK_ERROR(WSAENOTCONN);
    CancelThreadpoolIo(io);
    WaitForThreadpoolIoCallbacks(io, FALSE);
    CloseThreadpoolIo(io);
    closesocket(unconnected);

    io = new_io(p.ours);
    CHECK(SetFileCompletionNotificationModes((HANDLE)p.ours, FILE_SKIP_COMPLETION_PORT_ON_SUCCESS));
    CHECK_EQ(send(p.theirs, "x", 1, 0), 1);
    EVENTUALLY(ioctlsocket(p.ours, FIONREAD, &(u_long){0}) == 0);
    for (;;) {
        int result;
        StartThreadpoolIo(io);
        flags = 0;
        result = WSARecv(p.ours, &buffer, 1, NULL, &flags, &overlapped, NULL);
        if (result == 0) {
            CancelThreadpoolIo(io);
            break;
        }
        /* The byte was still on its way. */
        CHECK_ERROR(WSA_IO_PENDING);
        wait_for_call();
        WaitForThreadpoolIoCallbacks(io, FALSE);
        calls.count = 0;
        CHECK_EQ(send(p.theirs, "x", 1, 0), 1);
        test_pause();
    }
    WaitForThreadpoolIoCallbacks(io, FALSE);
    CHECK_EQ(calls.count, 0);
    CloseThreadpoolIo(io);
    close_pair(p);
}

TEST(s398_what_is_done_at_once_is_called_back)
{
    struct pair p = pair();
    OVERLAPPED overlapped = {0};
    WSABUF buffer = {4, "data"};
    PTP_IO io;
    calls_new(FALSE);
    io = new_io(p.ours);
    StartThreadpoolIo(io);
    CHECK_EQ(WSASend(p.ours, &buffer, 1, NULL, 0, &overlapped, NULL), 0);
    wait_for_call();
    WaitForThreadpoolIoCallbacks(io, FALSE);
    CHECK(calls.count == 1 && calls.bytes == 4 && calls.result == NO_ERROR);
    CloseThreadpoolIo(io);
    close_pair(p);
}

TEST(s399_a_cancelled_operation_is_a_win32_error_here)
{
    struct pair p = pair();
    OVERLAPPED overlapped = {0};
    char byte;
    PTP_IO io;
    calls_new(FALSE);
    io = new_io(p.ours);
    StartThreadpoolIo(io);
    receive_later(p.ours, &byte, 1, &overlapped);
    CHECK(CancelIoEx((HANDLE)p.ours, &overlapped));
    wait_for_call();
    WaitForThreadpoolIoCallbacks(io, FALSE);
    CHECK_EQ(calls.result, (ULONG)ERROR_OPERATION_ABORTED);
    CHECK(calls.bytes == 0 && calls.overlapped == &overlapped);
    CloseThreadpoolIo(io);
    close_pair(p);
}

/* What the native form is told: a status and a count. */
struct block {
    ULONG_PTR status, information;
};

static struct block last_block;

static void NTAPI native_called(PTP_CALLBACK_INSTANCE instance, void *context, void *overlapped, struct block *block,
                                PTP_IO io)
{
    (void)instance;
    (void)context;
    (void)overlapped;
    (void)io;
    last_block = *block;
    CHECK(ReleaseSemaphore(calls.begun, 1, NULL));
}

TEST(s399_a_cancelled_operation_is_a_status_in_the_native_form)
{
    typedef LONG(NTAPI * Alloc)(PTP_IO *, HANDLE, void(NTAPI *)(PTP_CALLBACK_INSTANCE, void *, void *, struct block *,
                                                                PTP_IO),
                                void *, PTP_CALLBACK_ENVIRON);
    Alloc alloc = (Alloc)(void *)GetProcAddress(GetModuleHandleA("ntdll.dll"), "TpAllocIoCompletion");
    struct pair p = pair();
    OVERLAPPED overlapped = {0};
    char byte;
    PTP_IO io = NULL;
    CHECK(alloc != NULL);
    calls_new(FALSE);
    CHECK_EQ(alloc(&io, (HANDLE)p.ours, native_called, NULL, NULL), 0);
    StartThreadpoolIo(io);
    receive_later(p.ours, &byte, 1, &overlapped);
    CHECK(CancelIoEx((HANDLE)p.ours, &overlapped));
    wait_for_call();
    WaitForThreadpoolIoCallbacks(io, FALSE);
    CHECK_EQ((DWORD)last_block.status, (DWORD)0xC0000120);
    CHECK_EQ(last_block.information, 0u);
    CloseThreadpoolIo(io);
    close_pair(p);
}

TEST(s400_what_was_not_announced_is_not_called_back)
{
    struct pair p = pair();
    OVERLAPPED first = {0}, second = {0};
    char bytes[2];
    PTP_IO io;
    calls_new(FALSE);
    io = new_io(p.ours);
    StartThreadpoolIo(io);
    CancelThreadpoolIo(io);
    receive_later(p.ours, &bytes[0], 1, &first);
    CHECK_EQ(send(p.theirs, "x", 1, 0), 1);
    EVENTUALLY(HasOverlappedIoCompleted(&first));
    /* Its packet is taken first. */
    test_pause();
    StartThreadpoolIo(io);
    receive_later(p.ours, &bytes[1], 1, &second);
    CHECK_EQ(send(p.theirs, "y", 1, 0), 1);
    wait_for_call();
    WaitForThreadpoolIoCallbacks(io, FALSE);
    CHECK(calls.count == 1 && (TEST_IS_OURS == 0 || calls.overlapped == &second));
    CloseThreadpoolIo(io);
    close_pair(p);
}

TEST(s401_waiting_returns_when_all_that_was_announced_is_over)
{
    struct pair p = pair();
    OVERLAPPED overlapped = {0};
    char byte;
    PTP_IO io;
    calls_new(FALSE);
    io = new_io(p.ours);
    WaitForThreadpoolIoCallbacks(io, FALSE);
    StartThreadpoolIo(io);
    receive_later(p.ours, &byte, 1, &overlapped);
    CHECK_EQ(send(p.theirs, "x", 1, 0), 1);
    WaitForThreadpoolIoCallbacks(io, FALSE);
    CHECK_EQ(calls.count, 1);
    CHECK_EQ(byte, 'x');
    CloseThreadpoolIo(io);
    close_pair(p);
}

TEST(s402_a_cancelling_wait_drops_callbacks_and_not_operations)
{
    struct pair p = pair();
    OVERLAPPED overlapped = {0};
    char byte = 0;
    PTP_IO io;
    calls_new(FALSE);
    io = new_io(p.ours);
    StartThreadpoolIo(io);
    receive_later(p.ours, &byte, 1, &overlapped);
    WaitForThreadpoolIoCallbacks(io, TRUE);
    CHECK(!HasOverlappedIoCompleted(&overlapped));
    CHECK_EQ(send(p.theirs, "x", 1, 0), 1);
    EVENTUALLY(HasOverlappedIoCompleted(&overlapped));
    CHECK_EQ(byte, 'x');
    WaitForThreadpoolIoCallbacks(io, FALSE);
    CHECK_EQ(calls.count, 0);
    CloseThreadpoolIo(io);
    close_pair(p);
}

TEST(s403_a_closed_one_still_calls_back_what_was_announced)
{
    struct pair p = pair();
    OVERLAPPED overlapped = {0};
    char byte = 0;
    PTP_IO io;
    calls_new(FALSE);
    io = new_io(p.ours);
    StartThreadpoolIo(io);
    receive_later(p.ours, &byte, 1, &overlapped);
    CloseThreadpoolIo(io);
    CHECK_EQ(send(p.theirs, "x", 1, 0), 1);
    wait_for_call();
    EVENTUALLY(calls.count == 1);
    CHECK(byte == 'x' && calls.overlapped == &overlapped);
    close_pair(p);
}

TEST(s404_callbacks_of_one_handle_run_together)
{
    struct pair p = pair();
    OVERLAPPED overlapped[3];
    char bytes[3];
    PTP_IO io;
    int index;
    calls_new(TRUE);
    io = new_io(p.ours);
    memset(overlapped, 0, sizeof overlapped);
    for (index = 0; index < 3; index++) {
        StartThreadpoolIo(io);
        receive_later(p.ours, &bytes[index], 1, &overlapped[index]);
    }
    CHECK_EQ(send(p.theirs, "abc", 3, 0), 3);
    EVENTUALLY(calls.running == 3);
    CHECK(SetEvent(calls.go));
    WaitForThreadpoolIoCallbacks(io, FALSE);
    CHECK_EQ(calls.count, 3);
    CloseThreadpoolIo(io);
    close_pair(p);
}

TEST(a_wild_or_closed_io_is_refused)
{
    PTP_IO wild = (PTP_IO)(ULONG_PTR)0x12345678;
    only_ours("Windows raises an exception");
    SetLastError(0xdeadbeef);
    StartThreadpoolIo(wild);
    CHECK_ERROR(ERROR_INVALID_HANDLE);
    CancelThreadpoolIo(NULL);
    WaitForThreadpoolIoCallbacks(wild, TRUE);
    CloseThreadpoolIo(wild);
    CHECK_ERROR(ERROR_INVALID_HANDLE);
    CHECK_FAILS(CreateThreadpoolIo((HANDLE)(ULONG_PTR)0x1234, called, NULL, NULL) != NULL, ERROR_INVALID_HANDLE);
}
