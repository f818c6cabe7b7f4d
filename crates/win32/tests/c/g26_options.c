/* Winsock's options, controls, names and texts. */
#include "sock.h"
#include <mstcpip.h>

static int option(SOCKET socket, int level, int name)
{
    int value = 0x5a5a5a5a, length = sizeof value;
    CHECK_EQ(getsockopt(socket, level, name, (char *)&value, &length), 0);
    if (length == 1) {
        value &= 0xff;
    }
    return value;
}

static void set_option(SOCKET socket, int level, int name, int value)
{
    CHECK_EQ(setsockopt(socket, level, name, (char *)&value, sizeof value), 0);
}

TEST(options_are_kept)
{
    SOCKET stream = new_socket(SOCK_STREAM), datagram = new_socket(SOCK_DGRAM);
    CHECK_EQ(option(stream, SOL_SOCKET, SO_TYPE), SOCK_STREAM);
    CHECK_EQ(option(datagram, SOL_SOCKET, SO_TYPE), SOCK_DGRAM);
    CHECK_EQ(option(stream, SOL_SOCKET, SO_ERROR), 0);
    CHECK_EQ(option(stream, SOL_SOCKET, SO_ACCEPTCONN), 0);
    set_option(stream, IPPROTO_TCP, TCP_NODELAY, 1);
    CHECK_EQ(option(stream, IPPROTO_TCP, TCP_NODELAY), 1);
    set_option(stream, SOL_SOCKET, SO_KEEPALIVE, 1);
    CHECK_EQ(option(stream, SOL_SOCKET, SO_KEEPALIVE), 1);
    set_option(stream, SOL_SOCKET, SO_RCVBUF, 12345);
    CHECK_EQ(option(stream, SOL_SOCKET, SO_RCVBUF), 12345);
    set_option(stream, SOL_SOCKET, SO_RCVTIMEO, 777);
    CHECK_EQ(option(stream, SOL_SOCKET, SO_RCVTIMEO), 777);
    set_option(datagram, SOL_SOCKET, SO_BROADCAST, 1);
    CHECK_EQ(option(datagram, SOL_SOCKET, SO_BROADCAST), 1);
    set_option(datagram, IPPROTO_IP, IP_TTL, 7);
    CHECK_EQ(option(datagram, IPPROTO_IP, IP_TTL), 7);
    set_option(stream, SOL_SOCKET, SO_REUSEADDR, 1);
    CHECK_EQ(option(stream, SOL_SOCKET, SO_REUSEADDR), 1);
    closesocket(stream);
    closesocket(datagram);
}

TEST(options_that_are_not_there_say_so)
{
    SOCKET stream = new_socket(SOCK_STREAM);
    int value = 0, length = sizeof value, none = 0;
    CHECK_SOCKET_FAILS(setsockopt(stream, SOL_SOCKET, 0x7777, (char *)&value, sizeof value), WSAENOPROTOOPT);
    CHECK_SOCKET_FAILS(getsockopt(stream, SOL_SOCKET, 0x7777, (char *)&value, &length), WSAENOPROTOOPT);
    CHECK_SOCKET_FAILS(getsockopt(stream, SOL_SOCKET, SO_TYPE, NULL, &length), WSAEFAULT);
    CHECK_SOCKET_FAILS(getsockopt(stream, SOL_SOCKET, SO_TYPE, (char *)&value, &none), WSAEFAULT);
    CHECK_SOCKET_FAILS(setsockopt(stream, SOL_SOCKET, SO_LINGER, NULL, 0), WSAEFAULT);
    closesocket(stream);
}

TEST(one_address_is_one_sockets)
{
    SOCKET one = new_socket(SOCK_STREAM), other = new_socket(SOCK_STREAM);
    struct sockaddr_in address;
    bind_any(one);
    address = name_of(one);
    CHECK_SOCKET_FAILS(bind(other, (struct sockaddr *)&address, sizeof address), WSAEADDRINUSE);
    CHECK_SOCKET_FAILS(bind(one, (struct sockaddr *)&address, sizeof address), WSAEINVAL);
    CHECK_SOCKET_FAILS(bind(other, NULL, 0), WSAEFAULT);
    CHECK_SOCKET_FAILS(listen(other, 5), WSAEINVAL);
    CHECK_EQ(listen(one, SOMAXCONN), 0);
    CHECK_EQ(option(one, SOL_SOCKET, SO_ACCEPTCONN), 1);
    closesocket(one);
    closesocket(other);
}

TEST(an_address_can_be_had_again_after_a_server_that_ended_first)
{
    for (int round = 0; round < 3; round++) {
        static struct sockaddr_in address;
        SOCKET listening = new_socket(SOCK_STREAM), client = new_socket(SOCK_STREAM), served;
        char data[4];
        if (round == 0) {
            bind_any(listening);
            address = name_of(listening);
        } else {
            CHECK_EQ(bind(listening, (struct sockaddr *)&address, sizeof address), 0);
        }
        CHECK_EQ(listen(listening, 5), 0);
        connect_to(client, address);
        served = accept(listening, NULL, NULL);
        CHECK(served != INVALID_SOCKET);
        closesocket(served);
        CHECK_EQ(recv(client, data, sizeof data, 0), 0);
        closesocket(client);
        closesocket(listening);
    }
}

TEST(controls_tell_what_is_there_and_keep_connections_alive)
{
    struct pair p = pair();
    u_long there = 0;
    DWORD bytes = 0;
    struct tcp_keepalive alive = {1, 10000, 1000};
    CHECK_EQ(send(p.theirs, "abc", 3, 0), 3);
    EVENTUALLY(ioctlsocket(p.ours, FIONREAD, &there) == 0 && there == 3);
    CHECK_EQ(WSAIoctl(p.ours, SIO_KEEPALIVE_VALS, &alive, sizeof alive, NULL, 0, &bytes, NULL, NULL), 0);
    CHECK_EQ(option(p.ours, SOL_SOCKET, SO_KEEPALIVE), 1);
    CHECK_SOCKET_FAILS(WSAIoctl(p.ours, SIO_KEEPALIVE_VALS, &alive, 1, NULL, 0, &bytes, NULL, NULL), WSAEFAULT);
    CHECK_SOCKET_FAILS(WSAIoctl(p.ours, 0x12345678, NULL, 0, NULL, 0, &bytes, NULL, NULL), WSAEOPNOTSUPP);
    close_pair(p);
}

TEST(s098_a_protocol_says_that_its_sockets_are_handles)
{
    SOCKET stream = new_socket(SOCK_STREAM);
    WSAPROTOCOL_INFOA info;
    int length = sizeof info;
    CHECK_EQ(getsockopt(stream, SOL_SOCKET, SO_PROTOCOL_INFOA, (char *)&info, &length), 0);
    CHECK(info.dwServiceFlags1 & XP1_IFS_HANDLES);
    CHECK(info.iAddressFamily == AF_INET && info.iSocketType == SOCK_STREAM && info.iProtocol == IPPROTO_TCP);
    closesocket(stream);
}

TEST(a_duplicate_is_the_same_socket_under_another_number)
{
    struct pair p = pair();
    WSAPROTOCOL_INFOA info;
    SOCKET copy;
    char data[8];
    CHECK_EQ(WSADuplicateSocketA(p.ours, GetCurrentProcessId(), &info), 0);
    copy = WSASocketA(FROM_PROTOCOL_INFO, FROM_PROTOCOL_INFO, FROM_PROTOCOL_INFO, &info, 0, WSA_FLAG_OVERLAPPED);
    CHECK(copy != INVALID_SOCKET && copy != p.ours);
    CHECK_EQ(closesocket(p.ours), 0);
    CHECK_EQ(send(p.theirs, "abc", 3, 0), 3);
    CHECK_EQ(recv(copy, data, sizeof data, 0), 3);
    closesocket(copy);
    closesocket(p.theirs);
    CHECK_SOCKET_FAILS(WSADuplicateSocketA(copy, GetCurrentProcessId(), &info), WSAENOTSOCK);
}

TEST(kinds_of_sockets_that_are_not_there_say_so)
{
    winsock();
    CHECK_EQ(socket(99, SOCK_STREAM, 0), INVALID_SOCKET);
    CHECK_ERROR(WSAEAFNOSUPPORT);
    CHECK_EQ(socket(AF_INET, 99, 0), INVALID_SOCKET);
    CHECK_ERROR(WSAESOCKTNOSUPPORT);
    CHECK_EQ(socket(AF_INET, SOCK_STREAM, IPPROTO_UDP), INVALID_SOCKET);
    CHECK_ERROR(WSAEPROTONOSUPPORT);
}

TEST(ipv6_has_numbers_of_windows)
{
    SOCKET listening, client, served;
    struct sockaddr_in6 address, name;
    int length = sizeof name, only;
    winsock();
    listening = socket(AF_INET6, SOCK_STREAM, 0);
    if (listening == INVALID_SOCKET) {
        CHECK_ERROR(WSAEAFNOSUPPORT);
        return;
    }
    only = option(listening, IPPROTO_IPV6, IPV6_V6ONLY);
    CHECK_EQ(only, 1);
    memset(&address, 0, sizeof address);
    address.sin6_family = AF_INET6;
    address.sin6_addr = in6addr_loopback;
    if (bind(listening, (struct sockaddr *)&address, sizeof address) != 0) {
        CHECK_ERROR(WSAEADDRNOTAVAIL);
        closesocket(listening);
        return;
    }
    CHECK_EQ(listen(listening, 5), 0);
    CHECK_EQ(getsockname(listening, (struct sockaddr *)&address, &length), 0);
    CHECK(length == sizeof address && address.sin6_family == AF_INET6);
    client = socket(AF_INET6, SOCK_STREAM, IPPROTO_TCP);
    CHECK_EQ(connect(client, (struct sockaddr *)&address, sizeof address), 0);
    served = accept(listening, (struct sockaddr *)&name, &length);
    CHECK(served != INVALID_SOCKET);
    CHECK(name.sin6_family == AF_INET6 && memcmp(&name.sin6_addr, &in6addr_loopback, 16) == 0);
    closesocket(served);
    closesocket(client);
    closesocket(listening);
}

TEST(names_are_found_and_given_back)
{
    struct addrinfo hints, *found = NULL;
    char node[64], service[16], own[256];
    struct sockaddr_in address = loopback(7);
    winsock();
    memset(&hints, 0, sizeof hints);
    hints.ai_family = AF_INET;
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_NUMERICHOST;
    CHECK_EQ(getaddrinfo("127.0.0.1", "7", &hints, &found), 0);
    CHECK(found != NULL && found->ai_family == AF_INET && found->ai_socktype == SOCK_STREAM);
    CHECK(found->ai_addrlen == sizeof address && found->ai_next == NULL);
    CHECK(memcmp(found->ai_addr, &address, 8) == 0);
    freeaddrinfo(found);
    found = (struct addrinfo *)&hints;
    CHECK_EQ(getaddrinfo("no number", "7", &hints, &found), WSAHOST_NOT_FOUND);
    static const int errors[] = {EAI_AGAIN,  EAI_BADFLAGS, EAI_FAIL,    EAI_FAMILY,  EAI_MEMORY,
                                 EAI_NODATA, EAI_NONAME,   EAI_SERVICE, EAI_SOCKTYPE};
    for (int place = 0; place < (int)(sizeof errors / sizeof *errors); place++) {
        CHECK(gai_strerrorA(errors[place])[0] != 0);
    }
    CHECK(found == NULL);
    CHECK_EQ(getaddrinfo(NULL, NULL, &hints, &found), WSAHOST_NOT_FOUND);
    hints.ai_family = 99;
    CHECK_EQ(getaddrinfo("127.0.0.1", "7", &hints, &found), WSAEAFNOSUPPORT);
    CHECK_EQ(getnameinfo((struct sockaddr *)&address, sizeof address, node, sizeof node, service, sizeof service,
                         NI_NUMERICHOST | NI_NUMERICSERV), 0);
    CHECK(strcmp(node, "127.0.0.1") == 0 && strcmp(service, "7") == 0);
    CHECK_EQ(gethostname(own, sizeof own), 0);
    CHECK(own[0] != 0);
    CHECK_SOCKET_FAILS(gethostname(own, 0), WSAEFAULT);
}

TEST(addresses_are_read_and_written)
{
    struct in_addr v4;
    struct in6_addr v6;
    char text[64];
    winsock();
    CHECK(htons(0x1234) == 0x3412 && ntohl(0x12345678) == 0x78563412);
    CHECK_EQ(inet_addr("127.0.0.1"), htonl(INADDR_LOOPBACK));
    CHECK_EQ(inet_addr("no address"), INADDR_NONE);
    v4.s_addr = htonl(INADDR_LOOPBACK);
    CHECK(strcmp(inet_ntoa(v4), "127.0.0.1") == 0);
    CHECK_EQ(inet_pton(AF_INET, "10.1.2.3", &v4), 1);
    CHECK_EQ(v4.s_addr, htonl(0x0a010203));
    CHECK_EQ(inet_pton(AF_INET, "10.1.2", &v4), 0);
    CHECK_EQ(inet_pton(99, "10.1.2.3", &v4), -1);
    CHECK_ERROR(WSAEAFNOSUPPORT);
    CHECK_EQ(inet_pton(AF_INET6, "fe80::1", &v6), 1);
    CHECK(inet_ntop(AF_INET6, &v6, text, sizeof text) == text && strcmp(text, "fe80::1") == 0);
    CHECK(inet_ntop(AF_INET, &v4, text, sizeof text) == text && strcmp(text, "10.1.2.3") == 0);
    CHECK(inet_ntop(AF_INET, &v4, text, 3) == NULL);
}
