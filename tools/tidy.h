/* tidy.h: what clang-tidy cannot see from one file: these return false, always. Put before every
 * source by lint.sh. */
#ifndef __cplusplus
#include "yq/err.h"
#include "yq/file.h"
#define yq_fail(...) ((void)(yq_fail)(__VA_ARGS__), false)
#define yq_while(...) ((void)(yq_while)(__VA_ARGS__), false)
#define yq_fail_errno(...) ((void)(yq_fail_errno)(__VA_ARGS__), false)
#endif
