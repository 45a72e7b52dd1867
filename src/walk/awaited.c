/* awaited.c: what others bring soon. Each function goes when its own file comes. */
#include "yq/registry.h"

