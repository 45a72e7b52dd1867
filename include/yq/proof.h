/* proof.h: whether a report's signature holds (walk/signature.c): its members signedText,
 * certificate, signatureFormat, signatureValue, timestampValue, and the seals of its PDF, looked at
 * here, without any service. Room walk.
 *
 * Certificates are judged for the time of the time stamp, where there is one that holds; else for
 * the time that the signature itself names, else for now. */
#ifndef YQ_PROOF_H
#define YQ_PROOF_H

#include "yq/check.h"
#include "yq/company.h"
#include "yq/platforms.h"
#include "yq/signature.h"
#include "yq/walk.h"

enum yq_proof_state {
    YQ_PROOF_HOLDS,
    YQ_PROOF_DOUBT, /* it fits, but who signed is not to be believed */
    YQ_PROOF_WRONG
};
struct yq_proof {       /* a part of it */
    char part[16];      /* "signature", "certificate", "stamp", "seal" */
    const char *member; /* of the report that it stands in */
    enum yq_proof_state state;
    struct yq_signer signer;
    int64_t at_ms;                   /* stamp: its time */
    bool whole;                      /* seal: covers the whole file */
    char form[32], seal[128];        /* what it is; name of a seal */
    char chinese[240], english[240]; /* what is wrong or doubtful; "" */
};
#define YQ_PROOFS_MOST (3 + YQ_PDF_SEALS_MOST)
struct yq_proofs { /* what is there of a report: none, when it is not signed */
    struct yq_proof list[YQ_PROOFS_MOST];
    size_t count;
};

/* The certificates that a platform believes (key anchors); *out NULL where it has none. */
yq_must_check bool yq_proof_anchors(const struct yq_platform *platform, struct yq_anchors **out,
                                    struct yq_err *err);
/* Everything that is there, the PDF too (`house` NULL: not that). False: the PDF cannot be read, no
 * memory. */
yq_must_check bool yq_proof_report(struct yq_house *house, const struct yq_record *report,
                                   const struct yq_anchors *anchors, struct yq_proofs *out,
                                   struct yq_err *err);
/* The seals of a PDF in memory, added to *out. */
yq_must_check bool yq_proof_pdf(const void *pdf, size_t length, const struct yq_trust *trust,
                                struct yq_proofs *out, struct yq_err *err);

/* The Chinese for what room seal says is wrong or doubtful; a general sentence for what it has not
 * said; "" for "". */
const char *yq_proof_chinese(const char *english);

/* For a province's gate: adds a finding for each part that is wrong (serious), or of which the
 * signer leads to none of the anchors (serious, as somebody said whom to believe). What is not
 * there is no finding: the field tables say what must be. */
yq_must_check bool yq_report_signature(struct yq_house *house, const struct yq_company *company,
                                       const struct yq_anchors *anchors,
                                       struct yq_findings *findings, struct yq_err *err);

#endif
