/* rest.h: how a thread of the node rests between its rounds, and is told to stop. */
#ifndef YQ_NODE_REST_H
#define YQ_NODE_REST_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct yq_rest {
    pthread_mutex_t lock; /* guards stopping */
    pthread_cond_t changed;
    bool stopping;
};
void yq_rest_init(struct yq_rest *rest);
void yq_rest_fini(struct yq_rest *rest);
/* Rests for so long. False: it is time to stop. */
bool yq_rest(struct yq_rest *rest, int64_t ms);
void yq_rest_end(struct yq_rest *rest);
/* The same as a question, for struct yq_stop: `rest` is one. */
bool yq_rest_is_over(void *rest);

#endif
