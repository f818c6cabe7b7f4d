/* Group 29: AcceptEx. */
#include "sock.h"

#define AREA (sizeof(struct sockaddr_in) + 16)

struct stage {
    HANDLE port;
    SOCKET listening, accepting;
    struct sockaddr_in address;
    OVERLAPPED overlapped;
    char buffer[256];
};

static struct stage *stage(void)
{
    struct stage *s = calloc(1, sizeof *s);
    winsock();
    s->listening = listener(&s->address);
    s->accepting = new_socket(SOCK_STREAM);
    s->port = new_port(1);
    associate(s->listening, s->port, 125);
    return s;
}

static void end_stage(struct stage *s)
{
    closesocket(s->listening);
    closesocket(s->accepting);
    CloseHandle(s->port);
    free(s);
}

static BOOL accept_into(struct stage *s, SOCKET accepting, DWORD data, OVERLAPPED *overlapped)
{
    DWORD bytes = 0;
    return AcceptEx(s->listening, accepting, s->buffer, data, AREA, AREA, &bytes, overlapped);
}

static SOCKET client_of(struct stage *s)
{
    SOCKET client = new_socket(SOCK_STREAM);
    connect_to(client, s->address);
    return client;
}

TEST(s352_an_overlapped_is_needed)
{
    struct stage *s = stage();
    CHECK_FAILS(accept_into(s, s->accepting, 0, NULL), ERROR_INVALID_PARAMETER);
    end_stage(s);
}

TEST(s353_the_listener_listens_and_the_other_is_fresh)
{
    struct stage *s = stage();
    SOCKET unbound = new_socket(SOCK_STREAM), bound = new_socket(SOCK_STREAM);
    DWORD bytes;
    CHECK_FAILS(AcceptEx(s->listening, INVALID_SOCKET, s->buffer, 0, AREA, AREA, &bytes, &s->overlapped), WSAENOTSOCK);
    CHECK_EMPTY(s->port);
    bind_any(bound);
    wine_differs("it accepts into a socket that is bound, and on one that does not listen");
    CHECK_FAILS(AcceptEx(unbound, s->accepting, s->buffer, 0, AREA, AREA, &bytes, &s->overlapped), WSAEINVAL);
    CHECK_FAILS(AcceptEx(bound, s->accepting, s->buffer, 0, AREA, AREA, &bytes, &s->overlapped), WSAEINVAL);
    CHECK_FAILS(accept_into(s, bound, 0, &s->overlapped), WSAEINVAL);
    CHECK_EMPTY(s->port);
    closesocket(unbound);
    closesocket(bound);
    end_stage(s);
}

TEST(s354_a_socket_takes_part_in_one_accept)
{
    struct stage *s = stage();
    OVERLAPPED second = {0};
    CHECK_FAILS(accept_into(s, s->accepting, 0, &s->overlapped), ERROR_IO_PENDING);
    CHECK_EQ(s->overlapped.Internal, (ULONG_PTR)STATUS_PENDING);
    CHECK_FAILS(accept_into(s, s->accepting, 0, &second), WSAEINVAL);
    end_stage(s);
}

TEST(s355_addresses_need_room)
{
    struct stage *s = stage();
    DWORD bytes;
    CHECK_FAILS(AcceptEx(s->listening, s->accepting, s->buffer, 0, AREA, 0, &bytes, &s->overlapped), WSAEFAULT);
    only_ours("elsewhere an area that is too short is found out with the connection");
    CHECK_FAILS(AcceptEx(s->listening, s->accepting, s->buffer, 0, AREA - 1, AREA, &bytes, &s->overlapped),
                ERROR_INSUFFICIENT_BUFFER);
    CHECK_EMPTY(s->port);
    end_stage(s);
}

TEST(s356_without_data_it_completes_with_the_connection_s363_and_the_listeners_key)
{
    struct stage *s = stage();
    HANDLE other = new_port(1);
    SOCKET client;
    associate(s->accepting, other, 236);
    CHECK_FAILS(accept_into(s, s->accepting, 0, &s->overlapped), ERROR_IO_PENDING);
    client = client_of(s);
    CHECK_PACKET(s->port, 125, &s->overlapped, 0);
    CHECK_EMPTY(other);
    closesocket(client);
    end_stage(s);
    CloseHandle(other);
}

TEST(s357_with_data_it_waits_for_the_first_s359_and_counts_only_them)
{
    struct stage *s = stage();
    SOCKET client;
    CHECK_FAILS(accept_into(s, s->accepting, 64, &s->overlapped), ERROR_IO_PENDING);
    client = client_of(s);
    Sleep(20);
    CHECK_EMPTY(s->port);
    CHECK_EQ(send(client, "hello", 5, 0), 5);
    CHECK_PACKET(s->port, 125, &s->overlapped, 5);
    CHECK(memcmp(s->buffer, "hello", 5) == 0);
    closesocket(client);
    end_stage(s);
}

TEST(s358_a_client_that_leaves_without_a_word_is_success)
{
    struct stage *s = stage();
    CHECK_FAILS(accept_into(s, s->accepting, 64, &s->overlapped), ERROR_IO_PENDING);
    closesocket(client_of(s));
    CHECK_PACKET(s->port, 125, &s->overlapped, 0);
    end_stage(s);
}

TEST(s360_the_addresses_are_found_in_the_buffer)
{
    struct stage *s = stage();
    struct sockaddr *local = NULL, *remote = NULL;
    struct sockaddr_in own;
    int local_length = 0, remote_length = 0;
    SOCKET client;
    CHECK_FAILS(accept_into(s, s->accepting, 64, &s->overlapped), ERROR_IO_PENDING);
    client = client_of(s);
    own = name_of(client);
    CHECK_EQ(send(client, "hello", 5, 0), 5);
    CHECK_PACKET(s->port, 125, &s->overlapped, 5);
    GetAcceptExSockaddrs(s->buffer, 64, AREA, AREA, &local, &local_length, &remote, &remote_length);
    CHECK((char *)local >= s->buffer + 64 && (char *)remote < s->buffer + sizeof s->buffer);
    CHECK(local_length == sizeof own && remote_length == sizeof own);
    CHECK(((struct sockaddr_in *)local)->sin_port == s->address.sin_port);
    CHECK(((struct sockaddr_in *)remote)->sin_port == own.sin_port);
    CHECK(((struct sockaddr_in *)remote)->sin_addr.s_addr == own.sin_addr.s_addr);
    closesocket(client);
    end_stage(s);
}

TEST(s361_the_context_is_updated_before_names_are_had)
{
    struct stage *s = stage();
    struct sockaddr_in name;
    int length = sizeof name;
    char data[8];
    SOCKET client;
    CHECK_FAILS(accept_into(s, s->accepting, 0, &s->overlapped), ERROR_IO_PENDING);
    client = client_of(s);
    CHECK_PACKET(s->port, 125, &s->overlapped, 0);
    CHECK_EQ(send(s->accepting, "abc", 3, 0), 3);
    CHECK_EQ(recv(client, data, sizeof data, 0), 3);
    if (!test_under_wine()) {
        CHECK_SOCKET_FAILS(getpeername(s->accepting, (struct sockaddr *)&name, &length), WSAENOTCONN);
        CHECK_SOCKET_FAILS(shutdown(s->accepting, SD_SEND), WSAENOTCONN);
    }
    CHECK_EQ(setsockopt(s->accepting, SOL_SOCKET, SO_UPDATE_ACCEPT_CONTEXT, (char *)&s->listening,
                        sizeof s->listening), 0);
    CHECK_EQ(getpeername(s->accepting, (struct sockaddr *)&name, &length), 0);
    CHECK_EQ(name.sin_port, name_of(client).sin_port);
    CHECK_EQ(name_of(s->accepting).sin_port, s->address.sin_port);
    CHECK_EQ(shutdown(s->accepting, SD_SEND), 0);
    CHECK_EQ(recv(client, data, sizeof data, 0), 0);
    closesocket(client);
    end_stage(s);
}

static DWORD connect_time(SOCKET socket)
{
    DWORD seconds = 0x5a5a;
    int length = sizeof seconds;
    CHECK_EQ(getsockopt(socket, SOL_SOCKET, SO_CONNECT_TIME, (char *)&seconds, &length), 0);
    return seconds;
}

TEST(s362_a_socket_knows_how_long_it_has_been_connected)
{
    struct stage *s = stage();
    SOCKET client = new_socket(SOCK_STREAM);
    CHECK_EQ(connect_time(client), 0xffffffffu);
    connect_to(client, s->address);
    CHECK(connect_time(client) < 60);
    closesocket(client);
    end_stage(s);
}

TEST(s364_several_wait_in_line_s366_and_the_backlog_serves_them)
{
    enum { COUNT = 3 };
    struct stage *s = stage();
    OVERLAPPED overlapped[COUNT] = {{0}};
    SOCKET accepting[COUNT], clients[COUNT];
    char buffers[COUNT][2 * AREA];
    DWORD bytes;
    clients[0] = client_of(s);
    for (int i = 0; i < COUNT; i++) {
        accepting[i] = new_socket(SOCK_STREAM);
        if (!AcceptEx(s->listening, accepting[i], buffers[i], 0, AREA, AREA, &bytes, &overlapped[i])) {
            CHECK_ERROR(ERROR_IO_PENDING);
        }
    }
    CHECK_PACKET(s->port, 125, &overlapped[0], 0);
    for (int i = 1; i < COUNT; i++) {
        clients[i] = client_of(s);
        CHECK_PACKET(s->port, 125, &overlapped[i], 0);
    }
    for (int i = 0; i < COUNT; i++) {
        closesocket(accepting[i]);
        closesocket(clients[i]);
    }
    end_stage(s);
}

static int CALLBACK judge(LPWSABUF caller, LPWSABUF caller_data, LPQOS sqos, LPQOS gqos, LPWSABUF callee,
                          LPWSABUF callee_data, GROUP *group, DWORD_PTR data)
{
    (void)caller_data, (void)sqos, (void)gqos, (void)callee, (void)callee_data, (void)group;
    CHECK(caller->len >= sizeof(struct sockaddr_in));
    CHECK_EQ(((struct sockaddr_in *)caller->buf)->sin_family, AF_INET);
    return *(int *)data;
}

TEST(s365_a_condition_accepts_refuses_and_defers)
{
    struct stage *s = stage();
    int verdict = CF_ACCEPT;
    char data[8];
    struct sockaddr_in name;
    int length = sizeof name;
    SOCKET client = client_of(s), served;
    served = WSAAccept(s->listening, (struct sockaddr *)&name, &length, judge, (DWORD_PTR)&verdict);
    CHECK(served != INVALID_SOCKET);
    CHECK_EQ(name.sin_port, name_of(client).sin_port);
    closesocket(served);
    closesocket(client);
    client = client_of(s);
    verdict = CF_REJECT;
    CHECK_EQ(WSAAccept(s->listening, NULL, NULL, judge, (DWORD_PTR)&verdict), INVALID_SOCKET);
    CHECK_ERROR(WSAECONNREFUSED);
    CHECK(recv(client, data, sizeof data, 0) <= 0);
    closesocket(client);
    client = client_of(s);
    verdict = CF_DEFER;
    CHECK_EQ(WSAAccept(s->listening, NULL, NULL, judge, (DWORD_PTR)&verdict), INVALID_SOCKET);
    CHECK_ERROR(WSATRY_AGAIN);
    served = accept(s->listening, NULL, NULL);
    CHECK(served != INVALID_SOCKET);
    CHECK_EQ(send(served, "abc", 3, 0), 3);
    CHECK_EQ(recv(client, data, sizeof data, 0), 3);
    closesocket(served);
    closesocket(client);
    end_stage(s);
}

TEST(s105_cancelling_on_the_accepting_socket_does_nothing)
{
    struct stage *s = stage();
    CHECK_FAILS(accept_into(s, s->accepting, 0, &s->overlapped), ERROR_IO_PENDING);
    CHECK(CancelIo((HANDLE)s->accepting));
    CHECK_EMPTY(s->port);
    CHECK(CancelIo((HANDLE)s->listening));
    CHECK_FAILED_PACKET(s->port, 125, &s->overlapped, ERROR_OPERATION_ABORTED);
    end_stage(s);
}

TEST(s117_closing_the_listener_ends_its_accepts)
{
    struct stage *s = stage();
    CHECK_FAILS(accept_into(s, s->accepting, 0, &s->overlapped), ERROR_IO_PENDING);
    closesocket(s->listening);
    CHECK_FAILED_PACKET(s->port, 125, &s->overlapped, ERROR_OPERATION_ABORTED);
    s->listening = new_socket(SOCK_STREAM);
    end_stage(s);
}

TEST(s119_closing_the_accepting_socket_ends_the_accept)
{
    struct stage *s = stage();
    CHECK_FAILS(accept_into(s, s->accepting, 0, &s->overlapped), ERROR_IO_PENDING);
    closesocket(s->accepting);
    CHECK_FAILED_PACKET(s->port, 125, &s->overlapped, ERROR_OPERATION_ABORTED);
    s->accepting = new_socket(SOCK_STREAM);
    end_stage(s);
}
