#pragma once
#include <stddef.h>

/// One file of the folder Schemas, as it was when the executable was built.
struct schemas_file {
    const char *_Nonnull name;
    const unsigned char *_Nonnull bytes;
    size_t count;
};

/// How many files there are.
size_t schemas_embedded_count(void);

/// The file at `index`, which must be below the count.
struct schemas_file schemas_embedded_file(size_t index);
