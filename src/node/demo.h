/* demo.h: sample objects of invented patients. */
#ifndef YQ_NODE_DEMO_H
#define YQ_NODE_DEMO_H

#include <stdbool.h>

#include "yq/err.h"

/* Writes one small Secondary Capture image (Patient ID YQ-TEST) with new UIDs to a Part 10 file. */
yq_must_check bool yq_demo_test_image(const char *path, struct yq_err *err);

#endif
