/* Group 24: processes: their start, their end, and what is known of them afterwards. */
#include "test.h"

#define STILL_RUNS 259u

/* The program itself, with the name of a test that is no test but a child. */
static BOOL child(const char *how, PROCESS_INFORMATION *information)
{
    static char path[1024];
    char line[1200];
    STARTUPINFOA startup = {.cb = sizeof startup};
    CHECK(GetModuleFileNameA(NULL, path, sizeof path) > 0);
    snprintf(line, sizeof line, "\"%s\" %s", path, how);
    return CreateProcessA(NULL, line, NULL, NULL, FALSE, 0, NULL, NULL, &startup, information);
}

static DWORD process_ended(PROCESS_INFORMATION *information)
{
    DWORD code = 0x5a5a;
    CHECK_EQ(WaitForSingleObject(information->hProcess, 10000), WAIT_OBJECT_0);
    CHECK_EQ(WaitForSingleObject(information->hThread, 10000), WAIT_OBJECT_0);
    CHECK(GetExitCodeProcess(information->hProcess, &code));
    CHECK(CloseHandle(information->hProcess));
    CHECK(CloseHandle(information->hThread));
    return code;
}

/* Not for the runner: it ends the program when a child asks for it, and passes otherwise. */
static int is_child(void)
{
    char value[8];
    return GetEnvironmentVariableA("PROACTOR_CHILD", value, sizeof value) > 0;
}

TEST(child_that_exits)
{
    if (is_child()) {
        ExitProcess(42);
    }
}

TEST(child_that_waits)
{
    if (is_child()) {
        Sleep(10000);
        ExitProcess(1);
    }
}

TEST(s281_a_process_is_signalled_at_its_end_and_keeps_its_exit_code)
{
    PROCESS_INFORMATION information;
    DWORD code = 0;
    CHECK(SetEnvironmentVariableA("PROACTOR_CHILD", "1"));
    CHECK(child("child_that_exits", &information));
    CHECK_EQ(GetProcessId(information.hProcess), information.dwProcessId);
    CHECK_EQ(process_ended(&information), 42u);
    CHECK(GetExitCodeProcess(GetCurrentProcess(), &code));
    CHECK_EQ(code, STILL_RUNS);
    CHECK(SetEnvironmentVariableA("PROACTOR_CHILD", NULL));
}

TEST(s281_terminate_sets_the_exit_code)
{
    PROCESS_INFORMATION information;
    DWORD code = 0;
    CHECK(SetEnvironmentVariableA("PROACTOR_CHILD", "1"));
    CHECK(child("child_that_waits", &information));
    CHECK_EQ(WaitForSingleObject(information.hProcess, 0), (DWORD)WAIT_TIMEOUT);
    CHECK(GetExitCodeProcess(information.hProcess, &code));
    CHECK_EQ(code, STILL_RUNS);
    HANDLE opened = OpenProcess(PROCESS_ALL_ACCESS, FALSE, information.dwProcessId);
    CHECK(opened != NULL);
    CHECK(TerminateProcess(information.hProcess, 0x12345678));
    CHECK_EQ(WaitForSingleObject(opened, 10000), WAIT_OBJECT_0);
    CHECK(CloseHandle(opened));
    CHECK_EQ(process_ended(&information), 0x12345678u);
    CHECK(SetEnvironmentVariableA("PROACTOR_CHILD", NULL));
}

TEST(s281_what_is_no_process_is_refused)
{
    PROCESS_INFORMATION information;
    STARTUPINFOA startup = {.cb = sizeof startup};
    char line[] = "there-is-no-such-program-anywhere";
    DWORD code = 0x5a5a;
    CHECK_FAILS(CreateProcessA(NULL, line, NULL, NULL, FALSE, 0, NULL, NULL, &startup, &information),
                ERROR_FILE_NOT_FOUND);
    CHECK_FAILS(OpenProcess(PROCESS_ALL_ACCESS, FALSE, 0) != NULL, ERROR_INVALID_PARAMETER);
    CHECK_FAILS(GetExitCodeProcess(NULL, &code), ERROR_INVALID_HANDLE);
    CHECK_FAILS(GetExitCodeProcess(GetCurrentThread(), &code), ERROR_INVALID_HANDLE);
    CHECK_FAILS(TerminateProcess((HANDLE)0x7ffffff0, 1), ERROR_INVALID_HANDLE);
    CHECK_EQ(code, 0x5a5au);
    CHECK_EQ(GetProcessId(GetCurrentProcess()), GetCurrentProcessId());
}
