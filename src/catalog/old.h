/* old.h: the earlier catalog, for who copies out of it. Private to catalog/. */
#ifndef YQ_CATALOG_OLD_H
#define YQ_CATALOG_OLD_H

#include "inside.h"

struct connection *old_connection(struct yq_old *old);
bool old_has_column(struct connection *connection, const char *table, const char *column);

/* Whether a reindex takes over the rows of this table (carry.c). */
bool carry_takes(const char *table);

#endif
