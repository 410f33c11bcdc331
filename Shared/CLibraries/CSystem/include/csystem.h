#pragma once
// Small wrappers for system calls that Swift cannot import (GNU extensions, variadic functions and macros).
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

/// accept4(2) with SOCK_NONBLOCK | SOCK_CLOEXEC, which Glibc hides behind _GNU_SOURCE.
int csystem_accept(int fd);
