/* Preloaded, it makes each fsync() and fdatasync() take longer, by SLOWSYNC
   microseconds, as on a disk. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <unistd.h>

static int
later(const char *name, int descriptor)
{
    const char *wanted = getenv("SLOWSYNC");
    int (*sync)(int);

    *(void **)&sync = dlsym(RTLD_NEXT, name);
    usleep(wanted == NULL ? 0 : (useconds_t)atoi(wanted));
    return sync(descriptor);
}

int
fsync(int descriptor)
{
    return later("fsync", descriptor);
}

int
fdatasync(int descriptor)
{
    return later("fdatasync", descriptor);
}
