/*
 * The keyboard, a key at a time and without waiting for the end of a line. What is needed of libc is declared here,
 * since <termios.h> and <poll.h> have names that Windows' sources use for other things.
 */
#ifndef PROACTOR_CONIO_H
#define PROACTOR_CONIO_H

#include <stdio.h>
#include <unistd.h>
#include "proactor/compiler.h"

PROACTOR_BEGIN_C

struct proactor_terminal {
    unsigned input, output, control, local;
    unsigned char line, characters[32];
    unsigned input_speed, output_speed;
};

struct proactor_ready {
    int descriptor;
    short wanted, found;
};

extern int proactor_libc_poll(struct proactor_ready *set, unsigned long count, int milliseconds) __asm__("poll");
extern int proactor_libc_tcgetattr(int descriptor, struct proactor_terminal *terminal) __asm__("tcgetattr");
extern int proactor_libc_tcsetattr(int descriptor, int when, const struct proactor_terminal *terminal)
    __asm__("tcsetattr");

/* Lines (bit 1) and echo (bit 3) off, one byte is enough (VMIN is place 6, VTIME place 5). False if no terminal. */
PROACTOR_INLINE int proactor_keys_begin(struct proactor_terminal *before, int echo) {
    struct proactor_terminal keys;
    if (proactor_libc_tcgetattr(0, before) != 0) return 0;
    keys = *before;
    keys.local &= echo ? ~2u : ~(2u | 8u);
    keys.characters[6] = 1;
    keys.characters[5] = 0;
    return proactor_libc_tcsetattr(0, 0, &keys) == 0;
}

PROACTOR_INLINE int proactor_key(int echo) {
    struct proactor_terminal before;
    unsigned char key = 0;
    const int terminal = proactor_keys_begin(&before, echo);
    const long got = read(0, &key, 1);
    if (terminal) proactor_libc_tcsetattr(0, 0, &before);
    return got == 1 ? key : EOF;
}

PROACTOR_INLINE int _kbhit(void) {
    struct proactor_terminal before;
    struct proactor_ready ready = {0, 1, 0};
    const int terminal = proactor_keys_begin(&before, 0);
    const int found = proactor_libc_poll(&ready, 1, 0);
    if (terminal) proactor_libc_tcsetattr(0, 0, &before);
    return found == 1;
}

PROACTOR_INLINE int _getch(void) { return proactor_key(0); }
PROACTOR_INLINE int _getche(void) { return proactor_key(1); }
PROACTOR_INLINE int _putch(int character) {
    fflush(stdout);
    return putchar(character);
}
PROACTOR_INLINE int _cputs(const char *text) { return fputs(text, stdout) < 0 ? -1 : 0; }

#define kbhit _kbhit
#define getch _getch
#define getche _getche
#define putch _putch

PROACTOR_END_C

#endif
