/* Group 30: ConnectEx, and connect. */
#include "sock.h"

TEST(s367_the_socket_is_bound_and_neither_listening_nor_connected)
{
    SOCKET made = new_socket(SOCK_STREAM);
    struct sockaddr_in address;
    SOCKET listening = listener(&address);
    LPFN_CONNECTEX connect_ex_ = connect_ex(made);
    OVERLAPPED overlapped = {0};
    DWORD bytes = 0x5a5a;
    CHECK_FAILS(connect_ex_(made, (struct sockaddr *)&address, sizeof address, NULL, 0, &bytes, &overlapped), WSAEINVAL);
    CHECK_FAILS(connect_ex_(INVALID_SOCKET, (struct sockaddr *)&address, sizeof address, NULL, 0, &bytes, &overlapped),
                WSAENOTSOCK);
    bind_any(made);
    CHECK_FAILS(connect_ex_(made, (struct sockaddr *)&address, sizeof address, NULL, 0, &bytes, NULL),
                ERROR_INVALID_PARAMETER);
    CHECK_FAILS(connect_ex_(listening, (struct sockaddr *)&address, sizeof address, NULL, 0, &bytes, &overlapped),
                WSAEINVAL);
    CHECK_FAILS(connect_ex_(made, (struct sockaddr *)&address, sizeof address, NULL, 0, &bytes, &overlapped),
                ERROR_IO_PENDING);
    CHECK_EQ(await(made, &overlapped), 0u);
    CHECK_FAILS(connect_ex_(made, (struct sockaddr *)&address, sizeof address, NULL, 0, &bytes, &overlapped),
                WSAEISCONN);
    closesocket(made);
    closesocket(listening);
}

TEST(s368_it_is_always_pending_s370_and_a_refusal_has_two_names)
{
    SOCKET made = new_socket(SOCK_STREAM);
    struct sockaddr_in address = nobody();
    HANDLE port = new_port(1);
    OVERLAPPED overlapped = {0};
    DWORD bytes = 0, flags;
    bind_any(made);
    associate(made, port, 6);
    CHECK_FAILS(connect_ex(made)(made, (struct sockaddr *)&address, sizeof address, NULL, 0, &bytes, &overlapped),
                ERROR_IO_PENDING);
    CHECK_FAILED_PACKET(port, 6, &overlapped, ERROR_CONNECTION_REFUSED);
    CHECK_FAILS(WSAGetOverlappedResult(made, &overlapped, &bytes, FALSE, &flags), WSAECONNREFUSED);
    CHECK_FAILS(GetOverlappedResult((HANDLE)made, &overlapped, &bytes, FALSE), ERROR_CONNECTION_REFUSED);
    closesocket(made);
    CloseHandle(port);
}

TEST(s369_first_data_are_sent_and_counted)
{
    SOCKET made = new_socket(SOCK_STREAM), served;
    struct sockaddr_in address;
    SOCKET listening = listener(&address);
    char text[] = "hello", data[8];
    OVERLAPPED overlapped = {0};
    bind_any(made);
    CHECK_FAILS(connect_ex(made)(made, (struct sockaddr *)&address, sizeof address, text, 5, NULL, &overlapped),
                ERROR_IO_PENDING);
    served = accept(listening, NULL, NULL);
    CHECK(served != INVALID_SOCKET);
    CHECK_EQ(await(made, &overlapped), 5u);
    receive_all(served, data, 5);
    CHECK(memcmp(data, "hello", 5) == 0);
    closesocket(made);
    closesocket(served);
    closesocket(listening);
}

TEST(s371_the_context_is_updated_before_the_peer_is_asked_for)
{
    SOCKET made = new_socket(SOCK_STREAM);
    struct sockaddr_in address, name;
    int length = sizeof name;
    SOCKET listening = listener(&address);
    OVERLAPPED overlapped = {0};
    bind_any(made);
    CHECK_FAILS(connect_ex(made)(made, (struct sockaddr *)&address, sizeof address, NULL, 0, NULL, &overlapped),
                ERROR_IO_PENDING);
    CHECK_EQ(await(made, &overlapped), 0u);
    if (!test_under_wine()) {
        CHECK_SOCKET_FAILS(getpeername(made, (struct sockaddr *)&name, &length), WSAENOTCONN);
        CHECK_SOCKET_FAILS(shutdown(made, SD_SEND), WSAENOTCONN);
    }
    CHECK_EQ(setsockopt(made, SOL_SOCKET, SO_UPDATE_CONNECT_CONTEXT, NULL, 0), 0);
    CHECK_EQ(getpeername(made, (struct sockaddr *)&name, &length), 0);
    CHECK_EQ(name.sin_port, address.sin_port);
    CHECK_EQ(shutdown(made, SD_SEND), 0);
    closesocket(made);
    closesocket(listening);
}

TEST(a_connect_that_blocks_needs_no_address_of_its_own)
{
    SOCKET made = new_socket(SOCK_STREAM), lonely = new_socket(SOCK_STREAM);
    struct sockaddr_in address, refused = nobody();
    SOCKET listening = listener(&address);
    CHECK_SOCKET_FAILS(connect(lonely, (struct sockaddr *)&refused, sizeof refused), WSAECONNREFUSED);
    CHECK_EQ(connect(made, (struct sockaddr *)&address, sizeof address), 0);
    CHECK_SOCKET_FAILS(connect(made, (struct sockaddr *)&address, sizeof address), WSAEISCONN);
    CHECK_SOCKET_FAILS(connect(listening, (struct sockaddr *)&address, sizeof address), WSAEINVAL);
    CHECK(name_of(made).sin_port != 0);
    closesocket(made);
    closesocket(listening);
    wine_differs("it takes an address at NULL");
    CHECK_SOCKET_FAILS(connect(lonely, NULL, 0), WSAEFAULT);
    closesocket(lonely);
}

TEST(a_connect_that_does_not_block_goes_on_and_is_seen_to_end)
{
    SOCKET made = new_socket(SOCK_STREAM), lonely = new_socket(SOCK_STREAM);
    struct sockaddr_in address, refused = nobody();
    SOCKET listening = listener(&address);
    struct timeval patience = {10, 0};
    fd_set writing, failing;
    int error = 0, length = sizeof error;
    set_nonblocking(made, 1);
    set_nonblocking(lonely, 1);
    CHECK_SOCKET_FAILS(connect(made, (struct sockaddr *)&address, sizeof address), WSAEWOULDBLOCK);
    FD_ZERO(&writing);
    FD_SET(made, &writing);
    CHECK_EQ(select(0, NULL, &writing, NULL, &patience), 1);
    CHECK(FD_ISSET(made, &writing));
    CHECK_SOCKET_FAILS(connect(made, (struct sockaddr *)&address, sizeof address), WSAEISCONN);
    CHECK_SOCKET_FAILS(connect(lonely, (struct sockaddr *)&refused, sizeof refused), WSAEWOULDBLOCK);
    FD_ZERO(&writing);
    FD_ZERO(&failing);
    FD_SET(lonely, &writing);
    FD_SET(lonely, &failing);
    CHECK_EQ(select(0, NULL, &writing, &failing, &patience), 1);
    CHECK(FD_ISSET(lonely, &failing) && !FD_ISSET(lonely, &writing));
    CHECK_EQ(getsockopt(lonely, SOL_SOCKET, SO_ERROR, (char *)&error, &length), 0);
    CHECK_EQ(error, WSAECONNREFUSED);
    closesocket(made);
    closesocket(lonely);
    closesocket(listening);
}
