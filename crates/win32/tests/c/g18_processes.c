/* Groups 14 and 18: what processes have in common by its name. */
#include "objects.h"

/* This test once more, in a process of its own that is told a name. */
static HANDLE start_child(const char *test, const char *name)
{
    char program[MAX_PATH], line[MAX_PATH + 100];
    STARTUPINFOA how = {0};
    PROCESS_INFORMATION child;
    how.cb = sizeof how;
    CHECK(GetModuleFileNameA(NULL, program, sizeof program) > 0);
    snprintf(line, sizeof line, "\"%s\" %s", program, test);
    CHECK(SetEnvironmentVariableA("PROACTOR_TEST_NAME", name));
    CHECK(CreateProcessA(program, line, NULL, NULL, FALSE, 0, NULL, NULL, &how, &child));
    CHECK(SetEnvironmentVariableA("PROACTOR_TEST_NAME", NULL));
    CHECK(CloseHandle(child.hThread));
    return child.hProcess;
}

static BOOL is_child(char *name, DWORD size)
{
    return GetEnvironmentVariableA("PROACTOR_TEST_NAME", name, size) > 0;
}

static DWORD finish_process(HANDLE process)
{
    DWORD code;
    CHECK_EQ(WaitForSingleObject(process, PATIENCE), WAIT_OBJECT_0);
    CHECK(GetExitCodeProcess(process, &code));
    CHECK(CloseHandle(process));
    return code;
}

TEST(s191_a_mutex_whose_process_ends_is_abandoned)
{
    char name[200];
    HANDLE lock;
    if (is_child(name, sizeof name)) {
        lock = OpenMutexA(SYNCHRONIZE, FALSE, name);
        _Exit(lock != NULL && WaitForSingleObject(lock, PATIENCE) == WAIT_OBJECT_0 ? 7 : 1);
    }
    snprintf(name, sizeof name, "%s", unique("s191"));
    lock = CreateMutexA(NULL, FALSE, name);
    CHECK(lock != NULL);
    CHECK_EQ(finish_process(start_child("s191_a_mutex_whose_process_ends_is_abandoned", name)), 7);
    CHECK_EQ(WaitForSingleObject(lock, PATIENCE), WAIT_ABANDONED);
    CHECK(ReleaseMutex(lock));
    CloseHandle(lock);
}

TEST(processes_meet_at_names)
{
    char name[200], second[220];
    HANDLE asked, answered, child;
    if (is_child(name, sizeof name)) {
        snprintf(second, sizeof second, "%s, answered", name);
        asked = OpenEventA(SYNCHRONIZE, FALSE, name);
        answered = CreateSemaphoreA(NULL, 0, 9, second);
        CHECK(asked != NULL && answered != NULL && GetLastError() == ERROR_ALREADY_EXISTS);
        CHECK_EQ(WaitForSingleObject(asked, PATIENCE), WAIT_OBJECT_0);
        _Exit(ReleaseSemaphore(answered, 5, NULL) ? 7 : 1);
    }
    snprintf(name, sizeof name, "%s", unique("processes"));
    snprintf(second, sizeof second, "%s, answered", name);
    asked = CreateEventA(NULL, FALSE, FALSE, name);
    answered = CreateSemaphoreA(NULL, 0, 9, second);
    CHECK(asked != NULL && answered != NULL);
    child = start_child("processes_meet_at_names", name);
    CHECK(SetEvent(asked));
    CHECK_EQ(WaitForSingleObject(answered, PATIENCE), WAIT_OBJECT_0);
    CHECK_EQ(finish_process(child), 7);
    CHECK(takes(answered) && takes(answered) && takes(answered) && takes(answered) && !takes(answered));
    CloseHandle(asked);
    CloseHandle(answered);
}
