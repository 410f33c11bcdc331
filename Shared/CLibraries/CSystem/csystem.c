#define _GNU_SOURCE
#include "csystem.h"
#include <malloc.h>
#include <pthread.h>
#include <sys/socket.h>

int csystem_accept(int fd) {
    return accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

void csystem_name_thread(const char *name) {
    pthread_setname_np(pthread_self(), name);
}

void csystem_trim_memory(void) {
    malloc_trim(0);
}
