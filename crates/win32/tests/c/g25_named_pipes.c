/* Named pipes: instances, states, bytes and messages, and packets for what is done with them. */
#include "help.h"

/* A name that no other test has. */
static const char *name_of(const char *what)
{
    static char name[128];
    snprintf(name, sizeof name, "\\\\.\\pipe\\proactor %s %lu", what, (unsigned long)GetCurrentProcessId());
    return name;
}

static HANDLE server_of(const char *what, DWORD open_mode, DWORD pipe_mode)
{
    return CreateNamedPipeA(name_of(what), open_mode, pipe_mode, PIPE_UNLIMITED_INSTANCES, 4096, 4096, 0, NULL);
}

static HANDLE new_server(const char *what, DWORD pipe_mode)
{
    HANDLE server = server_of(what, PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED, pipe_mode);
    CHECK(server != INVALID_HANDLE_VALUE);
    return server;
}

static HANDLE client_of(const char *what, DWORD access)
{
    return CreateFileA(name_of(what), access, 0, NULL, OPEN_EXISTING, 0, NULL);
}

static HANDLE new_client(const char *what)
{
    HANDLE client = client_of(what, GENERIC_READ | GENERIC_WRITE);
    CHECK(client != INVALID_HANDLE_VALUE);
    return client;
}

static HANDLE associated(HANDLE handle, ULONG_PTR key)
{
    HANDLE port = CreateIoCompletionPort(handle, NULL, key, 1);
    CHECK(port != NULL);
    return port;
}

/* Writes to a client, which is synchronous. */
static void put(HANDLE client, const char *text)
{
    DWORD written = 77;
    CHECK(WriteFile(client, text, (DWORD)strlen(text), &written, NULL));
    CHECK_EQ(written, (DWORD)strlen(text));
}

/* Reads what is there from a client. */
static void check_got(HANDLE client, const char *text)
{
    char buffer[64];
    DWORD count = 77;
    CHECK(ReadFile(client, buffer, sizeof buffer, &count, NULL));
    CHECK_EQ(count, (DWORD)strlen(text));
    CHECK(memcmp(buffer, text, count) == 0);
}

TEST(s025_a_connect_queues_one_packet_when_a_client_comes)
{
    OVERLAPPED overlapped = {0}, reading = {0};
    HANDLE server = new_server("packet", PIPE_TYPE_BYTE), port = associated(server, 5), client;
    char buffer[16];
    CHECK_FAILS(ConnectNamedPipe(server, &overlapped), ERROR_IO_PENDING);
    CHECK_EMPTY(port);
    client = new_client("packet");
    CHECK_PACKET(port, 5, &overlapped, 0);
    CHECK_FAILS(ReadFile(server, buffer, sizeof buffer, NULL, &reading), ERROR_IO_PENDING);
    put(client, "hello");
    CHECK_PACKET(port, 5, &reading, 5);
    CHECK(memcmp(buffer, "hello", 5) == 0);
    memset(&reading, 0, sizeof reading);
    CHECK(WriteFile(server, "back", 4, NULL, &reading) || GetLastError() == ERROR_IO_PENDING);
    CHECK_PACKET(port, 5, &reading, 4);
    check_got(client, "back");
    CHECK_EMPTY(port);
    CHECK(CloseHandle(client) && CloseHandle(server) && CloseHandle(port));
}

TEST(pipe_a_client_that_came_first_is_connected_already)
{
    OVERLAPPED overlapped = {0};
    HANDLE server = new_server("first", PIPE_TYPE_BYTE), client = new_client("first");
    CHECK_FAILS(ConnectNamedPipe(server, &overlapped), ERROR_PIPE_CONNECTED);
    CHECK(CloseHandle(client));
    CHECK_FAILS(ConnectNamedPipe(server, &overlapped), ERROR_NO_DATA);
    CHECK(CloseHandle(server));
}

TEST(pipe_states_have_errors_of_their_own)
{
    OVERLAPPED overlapped = {0};
    HANDLE server = new_server("states", PIPE_TYPE_BYTE), client;
    char buffer[8];
    DWORD count;
    CHECK_FAILS(ReadFile(server, buffer, 1, NULL, &overlapped), ERROR_PIPE_LISTENING);
    CHECK_FAILS(WriteFile(server, buffer, 1, NULL, &overlapped), ERROR_PIPE_LISTENING);
    CHECK_FAILS(PeekNamedPipe(server, NULL, 0, NULL, NULL, NULL), ERROR_BAD_PIPE);
    client = new_client("states");
    CHECK(DisconnectNamedPipe(server));
    CHECK_FAILS(DisconnectNamedPipe(server), ERROR_PIPE_NOT_CONNECTED);
    CHECK_FAILS(ReadFile(server, buffer, 1, NULL, &overlapped), ERROR_PIPE_NOT_CONNECTED);
    CHECK_FAILS(WriteFile(server, buffer, 1, NULL, &overlapped), ERROR_PIPE_NOT_CONNECTED);
    CHECK_FAILS(ReadFile(client, buffer, 1, &count, NULL), ERROR_PIPE_NOT_CONNECTED);
    CHECK_FAILS(WriteFile(client, buffer, 1, &count, NULL), ERROR_PIPE_NOT_CONNECTED);
    CHECK(CloseHandle(client));
    CHECK_FAILS(ConnectNamedPipe(server, &overlapped), ERROR_IO_PENDING);
    client = new_client("states");
    CHECK(GetOverlappedResult(server, &overlapped, &count, TRUE));
    put(client, "x");
    CHECK(CloseHandle(client));
    CHECK(ReadFile(server, buffer, 1, NULL, &overlapped) || GetLastError() == ERROR_IO_PENDING);
    CHECK(GetOverlappedResult(server, &overlapped, &count, TRUE));
    CHECK_EQ(count, 1u);
    CHECK_FAILS(ReadFile(server, buffer, 1, NULL, &overlapped), ERROR_BROKEN_PIPE);
    CHECK_FAILS(WriteFile(server, buffer, 1, NULL, &overlapped), ERROR_NO_DATA);
    CHECK_FAILS(PeekNamedPipe(server, NULL, 0, NULL, NULL, NULL), ERROR_BROKEN_PIPE);
    CHECK(CloseHandle(server));
}

TEST(pipe_a_disconnect_drops_what_was_not_read)
{
    HANDLE server = new_server("drops", PIPE_TYPE_BYTE), client = new_client("drops");
    OVERLAPPED overlapped = {0};
    char buffer[8];
    DWORD count;
    CHECK(WriteFile(server, "lost", 4, NULL, &overlapped) || GetLastError() == ERROR_IO_PENDING);
    CHECK(DisconnectNamedPipe(server));
    CHECK_FAILS(ReadFile(client, buffer, sizeof buffer, &count, NULL), ERROR_PIPE_NOT_CONNECTED);
    CHECK(CloseHandle(client) && CloseHandle(server));
}

TEST(pipe_closing_leaves_what_was_written)
{
    HANDLE server = new_server("leaves", PIPE_TYPE_BYTE), client = new_client("leaves");
    OVERLAPPED overlapped = {0};
    char buffer[8];
    DWORD count;
    CHECK(WriteFile(server, "kept", 4, NULL, &overlapped) || GetLastError() == ERROR_IO_PENDING);
    CHECK(CloseHandle(server));
    check_got(client, "kept");
    CHECK_FAILS(ReadFile(client, buffer, sizeof buffer, &count, NULL), ERROR_BROKEN_PIPE);
    CHECK(CloseHandle(client));
    SetLastError(0xdeadbeef);
    CHECK_EQ(client_of("leaves", GENERIC_READ), INVALID_HANDLE_VALUE);
    CHECK_ERROR(ERROR_FILE_NOT_FOUND);
}

TEST(s020_a_message_that_is_cut_queues_a_packet_and_the_rest_comes_next)
{
    OVERLAPPED overlapped = {0};
    HANDLE server = new_server("cut", PIPE_TYPE_MESSAGE | PIPE_READMODE_MESSAGE), port = associated(server, 1);
    HANDLE client = new_client("cut");
    char buffer[8];
    DWORD count = 77;
    put(client, "longer");
    CHECK_FAILS(ReadFile(server, buffer, 4, &count, &overlapped), ERROR_MORE_DATA);
    CHECK_FAILED_PACKET(port, 1, &overlapped, ERROR_MORE_DATA);
    CHECK_EQ(overlapped.InternalHigh, 4u);
    CHECK(ReadFile(server, buffer, 4, NULL, &overlapped) || GetLastError() == ERROR_IO_PENDING);
    CHECK_PACKET(port, 1, &overlapped, 2);
    CHECK(memcmp(buffer, "er", 2) == 0);
    CHECK(CloseHandle(client) && CloseHandle(server) && CloseHandle(port));
}

TEST(pipe_messages_keep_their_borders_for_who_reads_messages)
{
    HANDLE server = new_server("borders", PIPE_TYPE_MESSAGE | PIPE_READMODE_MESSAGE), client = new_client("borders");
    DWORD mode = PIPE_READMODE_MESSAGE, state = 77, instances = 77, count = 77, available = 77, left = 77;
    OVERLAPPED overlapped = {0};
    const char *texts[] = {"one", "", "three"};
    char buffer[64];
    CHECK(GetNamedPipeHandleStateA(client, &state, &instances, NULL, NULL, NULL, 0));
    CHECK_EQ(state, (DWORD)PIPE_READMODE_BYTE);
    CHECK_EQ(instances, 1u);
    CHECK(SetNamedPipeHandleState(client, &mode, NULL, NULL));
    CHECK(GetNamedPipeHandleStateA(client, &state, NULL, NULL, NULL, NULL, 0));
    CHECK_EQ(state, (DWORD)PIPE_READMODE_MESSAGE);
    for (int turn = 0; turn < 3; turn++) {
        memset(&overlapped, 0, sizeof overlapped);
        CHECK(WriteFile(server, texts[turn], (DWORD)strlen(texts[turn]), NULL, &overlapped) ||
              GetLastError() == ERROR_IO_PENDING);
    }
    CHECK(PeekNamedPipe(client, buffer, 2, &count, &available, &left));
    CHECK_EQ(count, 2u);
    CHECK_EQ(available, 8u);
    CHECK_EQ(left, 1u);
    check_got(client, "one");
    check_got(client, "");
    CHECK_FAILS(ReadFile(client, buffer, 2, &count, NULL), ERROR_MORE_DATA);
    CHECK_EQ(count, 2u);
    check_got(client, "ree");
    CHECK(CloseHandle(client) && CloseHandle(server));
}

TEST(pipe_messages_have_no_borders_for_who_reads_bytes)
{
    HANDLE server = new_server("bytes", PIPE_TYPE_MESSAGE), client = new_client("bytes");
    OVERLAPPED one = {0}, two = {0};
    CHECK(WriteFile(server, "ab", 2, NULL, &one) || GetLastError() == ERROR_IO_PENDING);
    CHECK(WriteFile(server, "cd", 2, NULL, &two) || GetLastError() == ERROR_IO_PENDING);
    check_got(client, "abcd");
    CHECK(CloseHandle(client) && CloseHandle(server));
}

TEST(pipe_a_pipe_goes_only_its_own_way)
{
    HANDLE server = server_of("inbound", PIPE_ACCESS_INBOUND | FILE_FLAG_OVERLAPPED, PIPE_TYPE_BYTE), client;
    OVERLAPPED overlapped = {0};
    DWORD count;
    char byte;
    CHECK(server != INVALID_HANDLE_VALUE);
    SetLastError(0xdeadbeef);
    CHECK_EQ(client_of("inbound", GENERIC_READ | GENERIC_WRITE), INVALID_HANDLE_VALUE);
    CHECK_ERROR(ERROR_ACCESS_DENIED);
    client = client_of("inbound", GENERIC_WRITE);
    CHECK(client != INVALID_HANDLE_VALUE);
    CHECK_FAILS(ReadFile(client, &byte, 1, &count, NULL), ERROR_ACCESS_DENIED);
    CHECK_FAILS(WriteFile(server, &byte, 1, NULL, &overlapped), ERROR_ACCESS_DENIED);
    put(client, "in");
    CHECK(CloseHandle(client) && CloseHandle(server));
}

TEST(pipe_instances_are_limited_and_agree)
{
    HANDLE one, two, client;
    DWORD duplex = PIPE_ACCESS_DUPLEX, flags = 77, out_size = 77, in_size = 77, most = 77;
    const char *name = name_of("instances");
    one = CreateNamedPipeA(name, duplex, PIPE_TYPE_MESSAGE, 2, 512, 1024, 0, NULL);
    CHECK(one != INVALID_HANDLE_VALUE);
    two = CreateNamedPipeA(name, duplex, PIPE_TYPE_MESSAGE, 2, 512, 1024, 0, NULL);
    CHECK(two != INVALID_HANDLE_VALUE);
    SetLastError(0xdeadbeef);
    CHECK_EQ(CreateNamedPipeA(name, duplex, PIPE_TYPE_MESSAGE, 2, 0, 0, 0, NULL), INVALID_HANDLE_VALUE);
    CHECK_ERROR(ERROR_PIPE_BUSY);
    CHECK(CloseHandle(two));
    client = new_client("instances");
    SetLastError(0xdeadbeef);
    CHECK_EQ(client_of("instances", GENERIC_READ), INVALID_HANDLE_VALUE);
    CHECK_ERROR(ERROR_PIPE_BUSY);
    CHECK(GetNamedPipeInfo(one, &flags, &out_size, &in_size, &most));
    CHECK_EQ(flags, (DWORD)(PIPE_SERVER_END | PIPE_TYPE_MESSAGE));
    CHECK_EQ(out_size, 512u);
    CHECK_EQ(in_size, 1024u);
    CHECK_EQ(most, 2u);
    CHECK(GetNamedPipeInfo(client, &flags, NULL, NULL, NULL));
    CHECK_EQ(flags, (DWORD)(PIPE_CLIENT_END | PIPE_TYPE_MESSAGE));
    CHECK(CloseHandle(client) && CloseHandle(one));
}

TEST(pipe_who_must_be_first_or_is_of_another_type_is_refused)
{
    DWORD first = PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED | FILE_FLAG_FIRST_PIPE_INSTANCE;
    HANDLE server;
    wine_differs("it compares neither the flag nor the type");
    server = server_of("first of all", first, PIPE_TYPE_BYTE);
    CHECK(server != INVALID_HANDLE_VALUE);
    SetLastError(0xdeadbeef);
    CHECK_EQ(server_of("first of all", first, PIPE_TYPE_BYTE), INVALID_HANDLE_VALUE);
    CHECK_ERROR(ERROR_ACCESS_DENIED);
    SetLastError(0xdeadbeef);
    CHECK_EQ(server_of("first of all", PIPE_ACCESS_DUPLEX, PIPE_TYPE_MESSAGE), INVALID_HANDLE_VALUE);
    CHECK_ERROR(ERROR_ACCESS_DENIED);
    CHECK(CloseHandle(server));
}

TEST(pipe_what_is_asked_for_wrongly_is_refused)
{
    const char *name = name_of("wrong");
    struct {
        const char *name;
        DWORD open_mode, pipe_mode, most, error;
    } wrong[] = {
        {"not a pipe", PIPE_ACCESS_DUPLEX, PIPE_TYPE_BYTE, 1, ERROR_INVALID_NAME},
        {NULL, PIPE_ACCESS_DUPLEX, PIPE_TYPE_BYTE, 1, ERROR_PATH_NOT_FOUND},
        {name, 0, PIPE_TYPE_BYTE, 1, ERROR_INVALID_PARAMETER},
        {name, PIPE_ACCESS_DUPLEX, PIPE_TYPE_BYTE | PIPE_READMODE_MESSAGE, 1, ERROR_INVALID_PARAMETER},
        {name, PIPE_ACCESS_DUPLEX, PIPE_TYPE_BYTE, 0, ERROR_INVALID_PARAMETER},
        {name, PIPE_ACCESS_DUPLEX, PIPE_TYPE_BYTE, 256, ERROR_INVALID_PARAMETER},
    };
    for (size_t turn = 0; turn < sizeof wrong / sizeof *wrong; turn++) {
        if (wrong[turn].most != 1) {
            wine_differs("it takes any number of instances");
        }
        SetLastError(0xdeadbeef);
        CHECK_EQ(CreateNamedPipeA(wrong[turn].name, wrong[turn].open_mode, wrong[turn].pipe_mode, wrong[turn].most, 0, 0,
                                  0, NULL),
                 INVALID_HANDLE_VALUE);
        CHECK_ERROR(wrong[turn].error);
    }
    SetLastError(0xdeadbeef);
    CHECK_EQ(client_of("wrong", GENERIC_READ), INVALID_HANDLE_VALUE);
    CHECK_ERROR(ERROR_FILE_NOT_FOUND);
}

TEST(pipe_handles_that_are_none_are_refused)
{
    HANDLE event = new_event(TRUE, FALSE);
    HANDLE handles[] = {NULL, INVALID_HANDLE_VALUE, (HANDLE)0x7ff0, event};
    OVERLAPPED overlapped = {0};
    DWORD mode = 0, count;
    for (size_t turn = 0; turn < sizeof handles / sizeof *handles; turn++) {
        HANDLE handle = handles[turn];
        CHECK_FAILS(ConnectNamedPipe(handle, &overlapped), ERROR_INVALID_HANDLE);
        CHECK_FAILS(DisconnectNamedPipe(handle), ERROR_INVALID_HANDLE);
        CHECK_FAILS(PeekNamedPipe(handle, NULL, 0, NULL, NULL, NULL), ERROR_INVALID_HANDLE);
        CHECK_FAILS(SetNamedPipeHandleState(handle, &mode, NULL, NULL), ERROR_INVALID_HANDLE);
        CHECK_FAILS(GetNamedPipeInfo(handle, &count, NULL, NULL, NULL), ERROR_INVALID_HANDLE);
    }
    CHECK(CloseHandle(event));
}

TEST(pipe_a_client_can_not_do_what_an_instance_can)
{
    HANDLE server = new_server("client", PIPE_TYPE_BYTE), client = new_client("client");
    OVERLAPPED overlapped = {0};
    wine_differs("it has an error of its own for this");
    CHECK_FAILS(ConnectNamedPipe(client, &overlapped), ERROR_INVALID_FUNCTION);
    CHECK_FAILS(DisconnectNamedPipe(client), ERROR_INVALID_FUNCTION);
    CHECK(CloseHandle(client) && CloseHandle(server));
}

static DWORD WINAPI connect_later(void *client)
{
    HANDLE *place = client;
    CHECK(WaitNamedPipeA(name_of("synchronous"), 20000));
    *place = new_client("synchronous");
    put(*place, "hello");
    return 0;
}

TEST(pipe_a_synchronous_instance_waits_for_its_client)
{
    HANDLE client = NULL, server = server_of("synchronous", PIPE_ACCESS_DUPLEX, PIPE_TYPE_BYTE), thread;
    CHECK(server != INVALID_HANDLE_VALUE);
    thread = new_thread(connect_later, &client);
    if (!ConnectNamedPipe(server, NULL)) {
        CHECK_ERROR(ERROR_PIPE_CONNECTED);
    }
    check_got(server, "hello");
    CHECK_EQ(join(thread), 0u);
    put(server, "back");
    check_got(client, "back");
    CHECK(CloseHandle(client) && CloseHandle(server));
}

TEST(pipe_a_wait_tells_no_pipe_from_none_that_is_free)
{
    HANDLE server, client;
    CHECK_FAILS(WaitNamedPipeA(name_of("wait"), 10), ERROR_FILE_NOT_FOUND);
    server = new_server("wait", PIPE_TYPE_BYTE);
    CHECK(WaitNamedPipeA(name_of("wait"), 10000));
    client = new_client("wait");
    CHECK_FAILS(WaitNamedPipeA(name_of("wait"), 10), ERROR_SEM_TIMEOUT);
    CHECK(CloseHandle(client) && CloseHandle(server));
}

static DWORD WINAPI read_all(void *client)
{
    check_got(client, "flush me");
    return 0;
}

static DWORD WINAPI answer_one(void *server)
{
    char buffer[64];
    DWORD count;
    CHECK(ReadFile(server, buffer, sizeof buffer, &count, NULL));
    CHECK_EQ(count, 9u);
    CHECK(WriteFile(server, "forty-two", 9, &count, NULL));
    return 0;
}

TEST(pipe_a_transaction_is_a_question_and_its_answer)
{
    HANDLE server = server_of("ask", PIPE_ACCESS_DUPLEX, PIPE_TYPE_MESSAGE | PIPE_READMODE_MESSAGE);
    HANDLE client = new_client("ask"), thread;
    DWORD mode = PIPE_READMODE_MESSAGE, count = 77;
    char buffer[16];
    CHECK_FAILS(TransactNamedPipe(client, "how much?", 9, buffer, sizeof buffer, &count, NULL), ERROR_BAD_PIPE);
    CHECK(SetNamedPipeHandleState(client, &mode, NULL, NULL));
    thread = new_thread(answer_one, server);
    CHECK(TransactNamedPipe(client, "how much?", 9, buffer, sizeof buffer, &count, NULL));
    CHECK_EQ(count, 9u);
    CHECK(memcmp(buffer, "forty-two", 9) == 0);
    CHECK_EQ(join(thread), 0u);
    put(server, "first");
    CHECK_FAILS(TransactNamedPipe(client, "how much?", 9, buffer, sizeof buffer, &count, NULL), ERROR_PIPE_BUSY);
    CHECK(CloseHandle(client) && CloseHandle(server));
}

TEST(s025_a_transaction_queues_one_packet)
{
    HANDLE server = new_server("ask overlapped", PIPE_TYPE_MESSAGE | PIPE_READMODE_MESSAGE), client, port;
    DWORD mode = PIPE_READMODE_MESSAGE, count;
    OVERLAPPED overlapped = {0};
    char question[16], answer[16];
    port = associated(server, 3);
    client = new_client("ask overlapped");
    CHECK(SetNamedPipeHandleState(client, &mode, NULL, NULL));
    CHECK_FAILS(TransactNamedPipe(server, "well?", 5, answer, sizeof answer, NULL, &overlapped), ERROR_IO_PENDING);
    CHECK(ReadFile(client, question, sizeof question, &count, NULL));
    CHECK_EQ(count, 5u);
    CHECK_EMPTY(port);
    put(client, "yes");
    CHECK_PACKET(port, 3, &overlapped, 3);
    CHECK(memcmp(answer, "yes", 3) == 0);
    CHECK_EMPTY(port);
    CHECK(CloseHandle(client) && CloseHandle(server) && CloseHandle(port));
}

TEST(pipe_a_flush_returns_when_all_was_read)
{
    HANDLE server = server_of("flush", PIPE_ACCESS_DUPLEX, PIPE_TYPE_BYTE), client = new_client("flush"), thread;
    char buffer[8];
    DWORD count;
    put(server, "flush me");
    thread = new_thread(read_all, client);
    CHECK(FlushFileBuffers(server));
    CHECK(DisconnectNamedPipe(server));
    CHECK_EQ(join(thread), 0u);
    CHECK_FAILS(ReadFile(client, buffer, sizeof buffer, &count, NULL), ERROR_PIPE_NOT_CONNECTED);
    CHECK(CloseHandle(client) && CloseHandle(server));
}

TEST(s308_a_zero_byte_read_waits_for_data_and_leaves_them)
{
    HANDLE server = new_server("zero", PIPE_TYPE_BYTE), port = associated(server, 1), client = new_client("zero");
    OVERLAPPED overlapped = {0};
    char buffer[8];
    CHECK_FAILS(ReadFile(server, buffer, 0, NULL, &overlapped), ERROR_IO_PENDING);
    CHECK_EMPTY(port);
    put(client, "data");
    CHECK_PACKET(port, 1, &overlapped, 0);
    CHECK(ReadFile(server, buffer, sizeof buffer, NULL, &overlapped) || GetLastError() == ERROR_IO_PENDING);
    CHECK_PACKET(port, 1, &overlapped, 4);
    CHECK(CloseHandle(client) && CloseHandle(server) && CloseHandle(port));
}

TEST(s120_closing_breaks_a_read_that_is_pending)
{
    HANDLE server = new_server("s120", PIPE_TYPE_BYTE), port = associated(server, 1), client = new_client("s120");
    OVERLAPPED overlapped = {0};
    char buffer[8];
    CHECK_FAILS(ReadFile(server, buffer, sizeof buffer, NULL, &overlapped), ERROR_IO_PENDING);
    CHECK(CloseHandle(server));
    CHECK_FAILED_PACKET(port, 1, &overlapped, ERROR_BROKEN_PIPE);
    CHECK(CloseHandle(client) && CloseHandle(port));
}

TEST(pipe_a_connect_is_cancelled)
{
    HANDLE server = new_server("cancel", PIPE_TYPE_BYTE), port = associated(server, 1);
    OVERLAPPED overlapped = {0};
    CHECK_FAILS(ConnectNamedPipe(server, &overlapped), ERROR_IO_PENDING);
    CHECK(CancelIoEx(server, &overlapped));
    CHECK_FAILED_PACKET(port, 1, &overlapped, ERROR_OPERATION_ABORTED);
    CHECK_FAILS(CancelIoEx(server, &overlapped), ERROR_NOT_FOUND);
    CHECK(CloseHandle(server) && CloseHandle(port));
}

TEST(pipe_an_end_knows_the_other_process)
{
    HANDLE server = new_server("who", PIPE_TYPE_BYTE), client = new_client("who");
    ULONG process = 77;
    CHECK(GetNamedPipeClientProcessId(server, &process));
    CHECK_EQ(process, GetCurrentProcessId());
    CHECK(GetNamedPipeServerProcessId(client, &process));
    CHECK_EQ(process, GetCurrentProcessId());
    CHECK_EQ(GetFileType(server), (DWORD)FILE_TYPE_PIPE);
    CHECK(CloseHandle(client) && CloseHandle(server));
}

TEST(pipe_names_know_no_case_and_lead_nowhere)
{
    const char *names[] = {"\\\\.\\pipe\\..\\..\\proactor", "\\\\.\\PIPE\\a/b", "\\\\.\\pipe\\.."};
    static char longest[70000] = "\\\\.\\pipe\\";
    HANDLE server, client;
    only_ours("where a pipe is kept is ours");
    for (size_t turn = 0; turn < sizeof names / sizeof *names; turn++) {
        server = CreateNamedPipeA(names[turn], PIPE_ACCESS_DUPLEX, PIPE_TYPE_BYTE, 1, 0, 0, 0, NULL);
        CHECK(server != INVALID_HANDLE_VALUE);
        client = CreateFileA(names[turn], GENERIC_READ, 0, NULL, OPEN_EXISTING, 0, NULL);
        CHECK(client != INVALID_HANDLE_VALUE);
        CHECK(CloseHandle(client) && CloseHandle(server));
    }
    memset(longest + strlen(longest), 'x', 1 << 16);
    SetLastError(0xdeadbeef);
    CHECK_EQ(CreateNamedPipeA(longest, PIPE_ACCESS_DUPLEX, PIPE_TYPE_BYTE, 1, 0, 0, 0, NULL), INVALID_HANDLE_VALUE);
    CHECK_ERROR(ERROR_FILENAME_EXCED_RANGE);
    CHECK_FAILS(WaitNamedPipeA(longest, 0), ERROR_FILENAME_EXCED_RANGE);
    SetLastError(0xdeadbeef);
    CHECK_EQ(CreateFileA(longest, GENERIC_READ, 0, NULL, OPEN_EXISTING, 0, NULL), INVALID_HANDLE_VALUE);
    CHECK_ERROR(ERROR_FILENAME_EXCED_RANGE);
}
