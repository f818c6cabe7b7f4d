/* Group 32: TransmitFile. */
#include "sock.h"

/* A file with ten digits. */
static HANDLE digits(DWORD flags)
{
    char folder[MAX_PATH], path[MAX_PATH];
    DWORD bytes = 0;
    HANDLE file;
    CHECK(GetTempPathA(sizeof folder, folder) > 0);
    CHECK(GetTempFileNameA(folder, "g32", 0, path) > 0);
    file = CreateFileA(path, GENERIC_READ | GENERIC_WRITE, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, NULL,
                       CREATE_ALWAYS, FILE_FLAG_DELETE_ON_CLOSE, NULL);
    CHECK(file != INVALID_HANDLE_VALUE);
    CHECK(WriteFile(file, "0123456789", 10, &bytes, NULL) && bytes == 10);
    if (flags != 0) {
        HANDLE again = CreateFileA(path, GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, NULL,
                                   OPEN_EXISTING, flags, NULL);
        CHECK(again != INVALID_HANDLE_VALUE);
        CHECK(CloseHandle(file));
        return again;
    }
    CHECK_EQ(SetFilePointer(file, 0, NULL, FILE_BEGIN), 0u);
    return file;
}

static void expect(SOCKET socket, const char *text)
{
    char data[64];
    int length = (int)strlen(text);
    receive_all(socket, data, length);
    CHECK(memcmp(data, text, (size_t)length) == 0);
}

TEST(s384_nothing_at_all_succeeds_on_a_connection_only)
{
    struct pair p = pair();
    SOCKET stream = new_socket(SOCK_STREAM), datagram = new_socket(SOCK_DGRAM);
    CHECK(TransmitFile(p.ours, NULL, 0, 0, NULL, NULL, 0));
    CHECK_FAILS(TransmitFile(stream, NULL, 0, 0, NULL, NULL, 0), WSAENOTCONN);
    CHECK_FAILS(TransmitFile(datagram, NULL, 0, 0, NULL, NULL, 0), WSAENOTCONN);
    CHECK_FAILS(TransmitFile(INVALID_SOCKET, NULL, 0, 0, NULL, NULL, 0), WSAENOTSOCK);
    set_nonblocking(p.theirs, 1);
    closesocket(stream);
    closesocket(datagram);
    close_pair(p);
}

TEST(s385_head_file_and_tail_come_in_order_and_the_count_is_of_all)
{
    struct pair p = pair();
    HANDLE file = digits(FILE_FLAG_OVERLAPPED), port = new_port(1);
    char head[] = "<<", tail[] = ">>>";
    TRANSMIT_FILE_BUFFERS around = {head, 2, tail, 3};
    OVERLAPPED overlapped = {0};
    associate(p.ours, port, 4);
    overlapped.Offset = 3;
    CHECK_FAILS(TransmitFile(p.ours, file, 4, 0, &overlapped, &around, 0), ERROR_IO_PENDING);
    expect(p.theirs, "<<3456>>>");
    CHECK_PACKET(port, 4, &overlapped, 9);
    close_pair(p);
    CloseHandle(file);
    CloseHandle(port);
}

TEST(s386_with_an_overlapped_at_its_offset_without_at_the_files_position)
{
    struct pair p = pair();
    HANDLE file = digits(0);
    OVERLAPPED overlapped = {0};
    overlapped.Offset = 6;
    overlapped.hEvent = new_event(TRUE, FALSE);
    CHECK_FAILS(TransmitFile(p.ours, file, 2, 0, &overlapped, NULL, 0), ERROR_IO_PENDING);
    CHECK_EQ(await(p.ours, &overlapped), 2u);
    expect(p.theirs, "67");
    CHECK_EQ(SetFilePointer(file, 8, NULL, FILE_BEGIN), 8u);
    CHECK(TransmitFile(p.ours, file, 1, 0, NULL, NULL, 0));
    expect(p.theirs, "8");
    close_pair(p);
    CloseHandle(overlapped.hEvent);
    CloseHandle(file);
}

TEST(s387_no_length_means_to_the_end)
{
    struct pair p = pair();
    HANDLE file = digits(0);
    CHECK(TransmitFile(p.ours, file, 0, 0, NULL, NULL, 0));
    expect(p.theirs, "0123456789");
    close_pair(p);
    CloseHandle(file);
}

TEST(s388_several_at_a_time_are_each_whole)
{
    enum { COUNT = 6 };
    struct pair p = pair();
    HANDLE file = digits(FILE_FLAG_OVERLAPPED), port = new_port(1);
    OVERLAPPED overlapped[COUNT] = {{0}};
    char data[10 * COUNT];
    associate(p.ours, port, 4);
    for (int i = 0; i < COUNT; i++) {
        CHECK_FAILS(TransmitFile(p.ours, file, 0, 0, &overlapped[i], NULL, 0), ERROR_IO_PENDING);
    }
    receive_all(p.theirs, data, sizeof data);
    for (int i = 0; i < COUNT; i++) {
        CHECK(take(port).bytes == 10 && memcmp(data + 10 * i, "0123456789", 10) == 0);
    }
    close_pair(p);
    CloseHandle(file);
    CloseHandle(port);
}

TEST(a_disconnect_may_follow_the_file)
{
    struct pair p = pair();
    HANDLE file = digits(0);
    char data[4];
    CHECK(TransmitFile(p.ours, file, 0, 0, NULL, NULL, TF_DISCONNECT));
    expect(p.theirs, "0123456789");
    wine_differs("it does not disconnect");
    CHECK_EQ(recv(p.theirs, data, sizeof data, 0), 0);
    CHECK_FAILS(TransmitFile(p.ours, (HANDLE)p.theirs, 0, 0, NULL, NULL, 0x8000), WSAEINVAL);
    close_pair(p);
    CloseHandle(file);
}
