#define _GNU_SOURCE
#include "csystem.h"
#include <sys/socket.h>

int csystem_accept(int fd) {
    return accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
}
