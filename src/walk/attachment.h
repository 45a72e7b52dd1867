/* attachment.h: attachments in keeping house. Private to walk/. */
#ifndef YQ_WALK_ATTACHMENT_H
#define YQ_WALK_ATTACHMENT_H

#include "yq/attachment.h"

/* Every row against its file and every file against the rows. `tell` gets the trouble, or NULL. */
typedef void attachment_tell(void *context, const char *what, uint64_t bytes, const char *trouble);
yq_must_check bool attachment_verify(struct yq_house *house, attachment_tell *tell, void *context,
                                     struct yq_err *err);
/* A row for each file that has none, for a catalog that is new. */
yq_must_check bool attachment_reindex(struct yq_house *house, struct yq_err *err);

#endif
