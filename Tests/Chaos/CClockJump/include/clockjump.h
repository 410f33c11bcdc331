/* Preloaded into a service (LD_PRELOAD), this library lets its wall clock jump: the seconds to add are the first eight
   bytes of the file that CLOCK_JUMP_FILE names, which a test may change at any time. */
#ifndef PARLEY_CLOCKJUMP_H
#define PARLEY_CLOCKJUMP_H

/* How many seconds the wall clock is ahead now. */
long long parley_clock_jump_seconds(void);

#endif
