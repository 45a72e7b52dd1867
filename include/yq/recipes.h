/* recipes.h: the recipes of a province by their names: the hospital's own line
 * (platforms/<province>/recipes.csv in the folder of the configuration) before that of
 * data/platforms, which is compiled in. Each text is parsed once in the life of the process. Room
 * walk; recipes.c. Any thread. */
#ifndef YQ_RECIPES_H
#define YQ_RECIPES_H

#include "yq/conf.h"
#include "yq/platforms.h"
#include "yq/recipe.h"

/* The recipe of this name ("seal", "sign"); it lives as long as the process. `conf` NULL: without
 * own lines. YQ_ABSENT: the province has none of this name. */
yq_must_check bool yq_recipe_of(const struct yq_conf *conf, enum yq_province_id province,
                                const char *name, const struct yq_recipe **out, struct yq_err *err);
/* Its text, and whether it is the hospital's own. NULL: there is none. */
const char *yq_recipe_text_of(const struct yq_conf *conf, enum yq_province_id province,
                              const char *name, bool *own);
/* Whether all recipes in force are understood, want only keys that platforms have, and open what
 * the province's own would. YQ_BAD_INPUT: says file and line. Before a configuration is taken up.
 */
yq_must_check bool yq_recipes_check(const struct yq_conf *conf, struct yq_err *err);

#endif
