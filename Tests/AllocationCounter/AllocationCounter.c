/* Counts how often a process asks malloc(3) and its kin for memory. It is preloaded (LD_PRELOAD), and adds to the count in
   the file that ALLOCATION_COUNT_FILE names, 8 bytes in the machine's order: there it outlives the process, however
   that ends. */

#define _GNU_SOURCE

#include "AllocationCounter.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* glibc's own, under names that are not interposed. */
extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);

/* Before the file is there. */
static atomic_uint_least64_t first;
static atomic_uint_least64_t *count = &first;

static inline void add(void)
{
    atomic_fetch_add_explicit(count, 1, memory_order_relaxed);
}

__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv("ALLOCATION_COUNT_FILE");
    int file = path != NULL ? open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600) : -1;
    if (file < 0)
        return;
    if (ftruncate(file, sizeof *count) == 0) {
        void *memory = mmap(NULL, sizeof *count, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
        if (memory != MAP_FAILED)
            count = memory;
    }
    close(file);
}

void *malloc(size_t size)
{
    add();
    return __libc_malloc(size);
}

void *calloc(size_t number, size_t size)
{
    add();
    return __libc_calloc(number, size);
}

void *realloc(void *memory, size_t size)
{
    add();
    return __libc_realloc(memory, size);
}

void *memalign(size_t alignment, size_t size)
{
    add();
    return __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    return memalign(alignment, size);
}

int posix_memalign(void **memory, size_t alignment, size_t size)
{
    if (alignment % sizeof(void *) != 0 || alignment == 0 || (alignment & (alignment - 1)) != 0)
        return EINVAL;
    void *made = memalign(alignment, size);
    if (made == NULL)
        return ENOMEM;
    *memory = made;
    return 0;
}
