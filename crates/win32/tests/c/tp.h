/* What the programs about the thread pool share: a state that callbacks report to, pools, environments. */
#ifndef PROACTOR_TEST_TP_H
#define PROACTOR_TEST_TP_H

#include "help.h"

struct state {
    LONG count, order, cancelled;
    HANDLE begun, go;
    DWORD thread;
    DWORD result;
    CRITICAL_SECTION section;
    char log[64];
};

static struct state state;

static UNUSED void state_new(void)
{
    memset(&state, 0, sizeof state);
    state.begun = CreateSemaphoreA(NULL, 0, 1000, NULL);
    state.go = new_event(TRUE, FALSE);
    CHECK(state.begun != NULL);
}

static UNUSED void wait_for(HANDLE handle)
{
    CHECK_EQ(WaitForSingleObject(handle, 10000), (DWORD)WAIT_OBJECT_0);
}

static UNUSED PTP_POOL pool_of(DWORD threads)
{
    PTP_POOL pool = CreateThreadpool(NULL);
    CHECK(pool != NULL);
    SetThreadpoolThreadMaximum(pool, threads);
    CHECK(SetThreadpoolThreadMinimum(pool, 1));
    return pool;
}

static UNUSED TP_CALLBACK_ENVIRON environment_in(PTP_POOL pool)
{
    TP_CALLBACK_ENVIRON environment;
    InitializeThreadpoolEnvironment(&environment);
    SetThreadpoolCallbackPool(&environment, pool);
    return environment;
}

#endif
