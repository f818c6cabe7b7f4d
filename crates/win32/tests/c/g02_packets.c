/* Group 2: when a packet is queued. */
#include "pair.h"

TEST(s017_a_success_at_once_queues_one_packet)
{
    HANDLE port = new_port(1);
    struct pair p = pair();
    OVERLAPPED overlapped = {0};
    char text[4];
    WSABUF buffer = {4, text};
    DWORD flags = 0, bytes = 0;
    struct packet packet;
    associate(p.ours, port, 17);
    CHECK_EQ(send(p.theirs, "text", 4, 0), 4);
    /* Until it is there. */
    CHECK_EQ(recv(p.ours, text, 4, MSG_PEEK), 4);
    if (WSARecv(p.ours, &buffer, 1, &bytes, &flags, &overlapped, NULL) == 0) {
        CHECK_EQ(bytes, 4);
    } else {
        CHECK_ERROR(WSA_IO_PENDING);
    }
    packet = take(port);
    CHECK(packet.success && packet.key == 17 && packet.bytes == 4 && packet.overlapped == &overlapped);
    check_nothing_queued(port);
    close_pair(p);
    CloseHandle(port);
}

TEST(s018_what_fails_at_once_queues_none)
{
    HANDLE port = new_port(1), event = CreateEventA(NULL, TRUE, FALSE, NULL);
    OVERLAPPED overlapped = {0};
    char byte;
    WSABUF buffer = {1, &byte};
    DWORD flags = 0, bytes = 0xdeadbeef;
    SOCKET socket;
    winsock();
    socket = WSASocketA(AF_INET, SOCK_STREAM, IPPROTO_TCP, NULL, 0, WSA_FLAG_OVERLAPPED);
    associate(socket, port, 18);
    overlapped.hEvent = event;
    overlapped.InternalHigh = 0xdeadbeef;
    CHECK_EQ(WSARecv(socket, &buffer, 1, &bytes, &flags, &overlapped, NULL), SOCKET_ERROR);
    CHECK_ERROR(WSAENOTCONN);
    CHECK(bytes == 0xdeadbeef && overlapped.InternalHigh == 0xdeadbeef);
    CHECK_EQ(WaitForSingleObject(event, 0), WAIT_TIMEOUT);
    check_nothing_queued(port);
    closesocket(socket);
    CloseHandle(event);
    CloseHandle(port);
}

TEST(s019_what_fails_later_queues_one)
{
    HANDLE port = new_port(1);
    struct pair p = pair();
    OVERLAPPED overlapped = {0};
    struct linger linger = {1, 0};
    struct packet packet;
    char byte;
    associate(p.ours, port, 19);
    receive_later(p.ours, &byte, 1, &overlapped);
    /* The other side is reset. */
    CHECK_EQ(setsockopt(p.theirs, SOL_SOCKET, SO_LINGER, (char *)&linger, sizeof linger), 0);
    CHECK_EQ(closesocket(p.theirs), 0);
    packet = take(port);
    CHECK(!packet.success && packet.key == 19 && packet.overlapped == &overlapped);
    CHECK_EQ(packet.error, ERROR_NETNAME_DELETED);
    check_nothing_queued(port);
    closesocket(p.ours);
    CloseHandle(port);
}

TEST(s020_s035_a_warning_is_followed_by_its_packet)
{
    HANDLE port = new_port(1);
    OVERLAPPED overlapped = {0};
    struct sockaddr_in address;
    int length = sizeof address;
    char text[2];
    WSABUF buffer = {2, text};
    DWORD flags = 0, bytes = 0;
    struct packet packet;
    SOCKET socket;
    winsock();
    socket = WSASocketA(AF_INET, SOCK_DGRAM, IPPROTO_UDP, NULL, 0, WSA_FLAG_OVERLAPPED);
    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK_EQ(bind(socket, (struct sockaddr *)&address, sizeof address), 0);
    CHECK_EQ(getsockname(socket, (struct sockaddr *)&address, &length), 0);
    associate(socket, port, 20);
    CHECK_EQ(WSARecv(socket, &buffer, 1, &bytes, &flags, &overlapped, NULL), SOCKET_ERROR);
    CHECK_ERROR(WSA_IO_PENDING);
    CHECK_EQ(sendto(socket, "long", 4, 0, (struct sockaddr *)&address, sizeof address), 4);
    packet = take(port);
    CHECK(!packet.success && packet.error == ERROR_MORE_DATA && packet.bytes == 2);
    CHECK(packet.key == 20 && packet.overlapped == &overlapped && memcmp(text, "lo", 2) == 0);
    check_nothing_queued(port);
    closesocket(socket);
    CloseHandle(port);
}

TEST(s021_an_event_with_its_lowest_bit_set_suppresses_the_packet)
{
    HANDLE port = new_port(1), event = CreateEventA(NULL, TRUE, TRUE, NULL);
    struct pair p = pair();
    OVERLAPPED overlapped = {0};
    DWORD bytes = 0;
    char byte;
    associate(p.ours, port, 21);
    overlapped.hEvent = (HANDLE)((ULONG_PTR)event | 1);
    receive_later(p.ours, &byte, 1, &overlapped);
    CHECK_EQ(WaitForSingleObject(event, 0), WAIT_TIMEOUT);
    CHECK_EQ(send(p.theirs, "x", 1, 0), 1);
    CHECK_EQ(WaitForSingleObject(event, 10000), WAIT_OBJECT_0);
    CHECK(GetOverlappedResult((HANDLE)p.ours, &overlapped, &bytes, TRUE));
    CHECK_EQ(bytes, 1);
    check_nothing_queued(port);
    close_pair(p);
    CloseHandle(event);
    CloseHandle(port);
}

TEST(s023_a_plain_event_is_set_before_the_packet_comes)
{
    HANDLE port = new_port(1), event = CreateEventA(NULL, TRUE, FALSE, NULL);
    struct pair p = pair();
    OVERLAPPED overlapped = {0};
    struct packet packet;
    char byte;
    associate(p.ours, port, 23);
    overlapped.hEvent = event;
    receive_later(p.ours, &byte, 1, &overlapped);
    CHECK_EQ(send(p.theirs, "x", 1, 0), 1);
    packet = take(port);
    CHECK(packet.success && packet.key == 23 && packet.overlapped == &overlapped);
    CHECK_EQ(WaitForSingleObject(event, 0), WAIT_OBJECT_0);
    check_nothing_queued(port);
    close_pair(p);
    CloseHandle(event);
    CloseHandle(port);
}

TEST(s024_calls_without_an_overlapped_queue_nothing)
{
    HANDLE port = new_port(1);
    struct sockaddr_in address;
    SOCKET listening, client, server;
    WSABUF buffer;
    DWORD bytes = 0, flags = 0;
    char text[4];
    winsock();
    listening = listener(&address);
    client = socket(AF_INET, SOCK_STREAM, IPPROTO_TCP);
    associate(listening, port, 1);
    associate(client, port, 2);
    CHECK_EQ(connect(client, (struct sockaddr *)&address, sizeof address), 0);
    server = accept(listening, NULL, NULL);
    CHECK(server != INVALID_SOCKET);
    CHECK_EQ(send(client, "abc", 3, 0), 3);
    CHECK_EQ(recv(server, text, 3, MSG_WAITALL), 3);
    CHECK_EQ(send(server, "abcd", 4, 0), 4);
    buffer.buf = text;
    buffer.len = 4;
    CHECK_EQ(WSARecv(client, &buffer, 1, &bytes, &flags, NULL, NULL), 0);
    CHECK(bytes >= 1);
    CHECK_EQ(WSASend(client, &buffer, 1, &bytes, 0, NULL, NULL), 0);
    CHECK_EQ(shutdown(client, SD_BOTH), 0);
    check_nothing_queued(port);
    closesocket(server);
    closesocket(client);
    closesocket(listening);
    check_nothing_queued(port);
    CloseHandle(port);
}

TEST(s026_s104_a_cancelled_operation_has_its_packet)
{
    HANDLE port = new_port(1);
    struct pair p = pair();
    OVERLAPPED overlapped = {0};
    struct packet packet;
    char byte;
    associate(p.ours, port, 26);
    receive_later(p.ours, &byte, 1, &overlapped);
    CHECK(CancelIo((HANDLE)p.ours));
    packet = take(port);
    CHECK(!packet.success && packet.error == ERROR_OPERATION_ABORTED && packet.bytes == 0);
    CHECK(packet.key == 26 && packet.overlapped == &overlapped);
    close_pair(p);
    CloseHandle(port);
}

TEST(s027_closing_a_socket_with_nothing_pending_queues_nothing)
{
    HANDLE port = new_port(1);
    struct pair p = pair();
    associate(p.ours, port, 27);
    CHECK_EQ(closesocket(p.ours), 0);
    check_nothing_queued(port);
    closesocket(p.theirs);
    CloseHandle(port);
}

TEST(s028_an_overlapped_is_final_when_its_operation_is_complete)
{
    HANDLE port = new_port(1);
    struct pair p = pair();
    OVERLAPPED overlapped = {0};
    struct packet packet;
    char byte;
    only_ours("there it is final when its packet is taken");
    associate(p.ours, port, 28);
    receive_later(p.ours, &byte, 1, &overlapped);
    CHECK(!HasOverlappedIoCompleted(&overlapped));
    CHECK(CancelIoEx((HANDLE)p.ours, &overlapped));
    /* Programs that have no workers any more look at nothing else. */
    EVENTUALLY(HasOverlappedIoCompleted(&overlapped));
    packet = take(port);
    CHECK(packet.overlapped == &overlapped);
    close_pair(p);
    CloseHandle(port);
}

TEST(s029_with_an_event_it_is_final_at_once)
{
    HANDLE port = new_port(1), event = CreateEventA(NULL, TRUE, FALSE, NULL);
    struct pair p = pair();
    OVERLAPPED overlapped = {0};
    char byte;
    associate(p.ours, port, 29);
    overlapped.hEvent = event;
    receive_later(p.ours, &byte, 1, &overlapped);
    CHECK_EQ(send(p.theirs, "x", 1, 0), 1);
    CHECK_EQ(WaitForSingleObject(event, 10000), WAIT_OBJECT_0);
    CHECK(HasOverlappedIoCompleted(&overlapped));
    CHECK_EQ(overlapped.InternalHigh, 1);
    CHECK(take(port).overlapped == &overlapped);
    close_pair(p);
    CloseHandle(event);
    CloseHandle(port);
}
