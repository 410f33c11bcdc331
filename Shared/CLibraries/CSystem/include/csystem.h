#pragma once
// Small wrappers for system calls that Swift cannot import (GNU extensions, variadic functions and macros).
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

/// accept4(2) with SOCK_NONBLOCK | SOCK_CLOEXEC, which Glibc hides behind _GNU_SOURCE.
int csystem_accept(int fd);

/// pthread_setname_np(3) for the calling thread; the kernel keeps 15 bytes.
void csystem_name_thread(const char *_Nonnull name);

/// malloc_trim(3) of glibc: gives every whole page that is free back to the system, in all arenas.
void csystem_trim_memory(void);
