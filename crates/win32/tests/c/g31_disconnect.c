/* Group 31: DisconnectEx, shutdown, close. */
#include "sock.h"

TEST(s373_what_is_not_connected_is_not_disconnected)
{
    SOCKET made = new_socket(SOCK_STREAM);
    struct pair p = pair();
    OVERLAPPED overlapped = {0};
    wine_differs("it disconnects what is not connected");
    CHECK_FAILS(disconnect_ex(made)(made, &overlapped, 0, 0), WSAENOTCONN);
    CHECK_FAILS(disconnect_ex(made)(made, NULL, 0, 0), WSAENOTCONN);
    CHECK_FAILS(disconnect_ex(made)(p.ours, &overlapped, 0, 1), WSAEINVAL);
    CHECK_FAILS(disconnect_ex(made)(INVALID_SOCKET, &overlapped, 0, 0), WSAENOTSOCK);
    closesocket(made);
    close_pair(p);
}

TEST(s374_without_reuse_it_ends_sending_and_nothing_else)
{
    struct pair p = pair();
    HANDLE port = new_port(1);
    char data[8];
    struct sockaddr_in name = name_of(p.ours);
    OVERLAPPED overlapped = {0};
    associate(p.ours, port, 8);
    CHECK_FAILS(disconnect_ex(p.ours)(p.ours, &overlapped, 0, 0), ERROR_IO_PENDING);
    CHECK_PACKET(port, 8, &overlapped, 0);
    CHECK_EQ(recv(p.theirs, data, sizeof data, 0), 0);
    CHECK_SOCKET_FAILS(send(p.ours, "abc", 3, 0), WSAESHUTDOWN);
    CHECK_EQ(send(p.theirs, "abc", 3, 0), 3);
    CHECK_EQ(recv(p.ours, data, sizeof data, 0), 3);
    CHECK_SOCKET_FAILS(connect(p.ours, (struct sockaddr *)&name, sizeof name), WSAEISCONN);
    CHECK_EQ(name_of(p.ours).sin_port, name.sin_port);
    close_pair(p);
    CloseHandle(port);
}

#define AREA (sizeof(struct sockaddr_in) + 16)

TEST(s375_with_reuse_the_socket_is_accepted_into_again_s377_under_its_key)
{
    struct sockaddr_in address;
    SOCKET listening, accepting, client;
    HANDLE port = new_port(1);
    char buffer[2 * AREA], data[8];
    DWORD bytes = 0;
    OVERLAPPED accepted = {0}, disconnected = {0}, received = {0};
    wine_differs("using a socket again ends it");
    accepting = new_socket(SOCK_STREAM);
    listening = listener(&address);
    associate(listening, port, 1);
    associate(accepting, port, 2);
    for (int round = 0; round < 3; round++) {
        memset(&accepted, 0, sizeof accepted);
        CHECK_FAILS(AcceptEx(listening, accepting, buffer, 0, AREA, AREA, &bytes, &accepted), ERROR_IO_PENDING);
        client = new_socket(SOCK_STREAM);
        connect_to(client, address);
        CHECK_PACKET(port, 1, &accepted, 0);
        CHECK_EQ(setsockopt(accepting, SOL_SOCKET, SO_UPDATE_ACCEPT_CONTEXT, (char *)&listening, sizeof listening), 0);
        receive_later(accepting, data, sizeof data, &received);
        CHECK_EQ(send(client, "abc", 3, 0), 3);
        CHECK_PACKET(port, 2, &received, 3);
        CHECK_FAILS(disconnect_ex(accepting)(accepting, &disconnected, TF_REUSE_SOCKET, 0), ERROR_IO_PENDING);
        CHECK_EQ(recv(client, data, sizeof data, 0), 0);
        closesocket(client);
        CHECK_PACKET(port, 2, &disconnected, 0);
    }
    closesocket(listening);
    closesocket(accepting);
    CloseHandle(port);
}

TEST(s376_without_an_overlapped_it_is_waited_for_and_can_be_repeated)
{
    struct pair p = pair();
    LPFN_DISCONNECTEX disconnect = disconnect_ex(p.ours);
    CHECK(disconnect(p.ours, NULL, 0, 0));
    CHECK(disconnect(p.ours, NULL, 0, 0));
    close_pair(p);
}

TEST(s379_a_connection_is_shut_and_may_be_twice)
{
    struct pair p = pair();
    struct sockaddr_in address;
    SOCKET made = new_socket(SOCK_STREAM), listening = listener(&address);
    CHECK_SUCCEEDS(shutdown(p.ours, SD_SEND));
    CHECK_SUCCEEDS(shutdown(p.ours, SD_SEND));
    CHECK_SOCKET_FAILS(shutdown(p.ours, 3), WSAEINVAL);
    CHECK_SOCKET_FAILS(shutdown(made, SD_SEND), WSAENOTCONN);
    CHECK_SOCKET_FAILS(shutdown(listening, SD_SEND), WSAENOTCONN);
    closesocket(made);
    closesocket(listening);
    close_pair(p);
}

TEST(s380_after_shutting_receiving_what_waits_still_completes)
{
    struct pair p = pair();
    char data[8];
    OVERLAPPED overlapped = {0};
    receive_later(p.ours, data, sizeof data, &overlapped);
    CHECK_EQ(shutdown(p.ours, SD_RECEIVE), 0);
    CHECK_SOCKET_FAILS(recv(p.ours, data, sizeof data, 0), WSAESHUTDOWN);
    CHECK_EQ(send(p.theirs, "abc", 3, 0), 3);
    CHECK_EQ(await(p.ours, &overlapped), 3u);
    close_pair(p);
}

TEST(s381_after_shutting_sending_the_peer_sees_the_end)
{
    struct pair p = pair();
    char data[8];
    WSABUF buffer = {3, data};
    OVERLAPPED overlapped = {0};
    CHECK_EQ(shutdown(p.ours, SD_SEND), 0);
    CHECK_SOCKET_FAILS(send(p.ours, "abc", 3, 0), WSAESHUTDOWN);
    CHECK_SOCKET_FAILS(WSASend(p.ours, &buffer, 1, NULL, 0, &overlapped, NULL), WSAESHUTDOWN);
    CHECK_EQ(recv(p.theirs, data, sizeof data, 0), 0);
    CHECK_EQ(recv(p.theirs, data, sizeof data, 0), 0);
    close_pair(p);
}

TEST(s382_closing_without_lingering_resets)
{
    struct pair p = pair();
    char data[8];
    struct linger linger = {0, 0};
    int length = sizeof linger;
    OVERLAPPED overlapped = {0};
    receive_later(p.theirs, data, sizeof data, &overlapped);
    close_with_reset(p.ours);
    CHECK_EQ(await_failure(p.theirs, &overlapped), (DWORD)WSAECONNRESET);
    closesocket(p.theirs);
    p = pair();
    linger.l_onoff = 1;
    linger.l_linger = 7;
    CHECK_EQ(setsockopt(p.ours, SOL_SOCKET, SO_LINGER, (char *)&linger, sizeof linger), 0);
    linger.l_linger = 0;
    CHECK_EQ(getsockopt(p.ours, SOL_SOCKET, SO_LINGER, (char *)&linger, &length), 0);
    CHECK(linger.l_onoff == 1 && linger.l_linger == 7 && length == sizeof linger);
    close_pair(p);
}

TEST(s383_closesocket_leaves_what_is_no_socket_open)
{
    HANDLE event = new_event(TRUE, TRUE);
    winsock();
    CHECK_SOCKET_FAILS(closesocket((SOCKET)event), WSAENOTSOCK);
    CHECK(is_signalled(event));
    CHECK(CloseHandle(event));
}

TEST(s118_closing_a_socket_aborts_what_waits_on_it)
{
    struct pair p = pair();
    HANDLE port = new_port(1);
    char data[8];
    OVERLAPPED overlapped = {0};
    wine_differs("it says that it was cancelled");
    associate(p.ours, port, 8);
    receive_later(p.ours, data, sizeof data, &overlapped);
    closesocket(p.ours);
    CHECK_FAILED_PACKET(port, 8, &overlapped, ERROR_CONNECTION_ABORTED);
    CHECK_EQ((NTSTATUS)overlapped.Internal, STATUS_CONNECTION_ABORTED);
    closesocket(p.theirs);
    CloseHandle(port);
}
