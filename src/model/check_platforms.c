/* check_platforms: at build time, with the tables compiled in: every source of data/platforms/ is
 * understood and names what there is. Else the build ends with file and line. */
#include <stdio.h>

#include "yq/fields.h"

int main(int count, char **words)
{
    int wrong = 0;
    for (size_t i = 0; i < yq_interface_count; i++) {
        const struct yq_interface *interface = &yq_interfaces[i];
        struct yq_err err;
        unsigned line;
        if (yq_fields_check(interface, &line, &err))
            continue;
        fprintf(stderr, "%s/%s/%s.csv:%u: %s\n", count > 1 ? words[1] : "data/platforms",
                interface->platform, interface->name, line, err.text);
        wrong = 1;
    }
    return wrong;
}
