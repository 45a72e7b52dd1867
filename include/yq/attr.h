/* attr.h: the attributes that the node indexes: one table for the header reader, the catalog's
 * columns, C-FIND keys, the HTTP API's names and the conformance statement. PS3.4 C.6 (Q/R keys),
 * PS3.6 (tags, VRs, keywords). */
#ifndef YQ_ATTR_H
#define YQ_ATTR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum yq_qr_level { YQ_PATIENT, YQ_STUDY, YQ_SERIES, YQ_IMAGE };

/* Where a value comes from: from an instance's header, or counted by the catalog. */
enum yq_attr_source { YQ_FROM_HEADER, YQ_COMPUTED };

/* X(name, tag, vr, level, within, source)
 * within: tag of the sequence in whose first item the attribute stands; 0: top level of the
 * dataset. */
#define YQ_ATTRS(X)                                                                                \
    X(PatientName, 0x00100010, "PN", YQ_PATIENT, 0, YQ_FROM_HEADER)                                \
    X(PatientID, 0x00100020, "LO", YQ_PATIENT, 0, YQ_FROM_HEADER)                                  \
    X(IssuerOfPatientID, 0x00100021, "LO", YQ_PATIENT, 0, YQ_FROM_HEADER)                          \
    X(PatientBirthDate, 0x00100030, "DA", YQ_PATIENT, 0, YQ_FROM_HEADER)                           \
    X(PatientBirthTime, 0x00100032, "TM", YQ_PATIENT, 0, YQ_FROM_HEADER)                           \
    X(PatientSex, 0x00100040, "CS", YQ_PATIENT, 0, YQ_FROM_HEADER)                                 \
    X(OtherPatientIDs, 0x00101000, "LO", YQ_PATIENT, 0, YQ_FROM_HEADER)                            \
    X(EthnicGroup, 0x00102160, "SH", YQ_PATIENT, 0, YQ_FROM_HEADER)                                \
    X(PatientComments, 0x00104000, "LT", YQ_PATIENT, 0, YQ_FROM_HEADER)                            \
    X(NumberOfPatientRelatedStudies, 0x00201200, "IS", YQ_PATIENT, 0, YQ_COMPUTED)                 \
    X(NumberOfPatientRelatedSeries, 0x00201202, "IS", YQ_PATIENT, 0, YQ_COMPUTED)                  \
    X(NumberOfPatientRelatedInstances, 0x00201204, "IS", YQ_PATIENT, 0, YQ_COMPUTED)               \
    X(StudyInstanceUID, 0x0020000d, "UI", YQ_STUDY, 0, YQ_FROM_HEADER)                             \
    X(StudyDate, 0x00080020, "DA", YQ_STUDY, 0, YQ_FROM_HEADER)                                    \
    X(StudyTime, 0x00080030, "TM", YQ_STUDY, 0, YQ_FROM_HEADER)                                    \
    X(AccessionNumber, 0x00080050, "SH", YQ_STUDY, 0, YQ_FROM_HEADER)                              \
    X(StudyID, 0x00200010, "SH", YQ_STUDY, 0, YQ_FROM_HEADER)                                      \
    X(StudyDescription, 0x00081030, "LO", YQ_STUDY, 0, YQ_FROM_HEADER)                             \
    X(ReferringPhysicianName, 0x00080090, "PN", YQ_STUDY, 0, YQ_FROM_HEADER)                       \
    X(NameOfPhysiciansReadingStudy, 0x00081060, "PN", YQ_STUDY, 0, YQ_FROM_HEADER)                 \
    X(AdmittingDiagnosesDescription, 0x00081080, "LO", YQ_STUDY, 0, YQ_FROM_HEADER)                \
    X(PatientAge, 0x00101010, "AS", YQ_STUDY, 0, YQ_FROM_HEADER)                                   \
    X(PatientSize, 0x00101020, "DS", YQ_STUDY, 0, YQ_FROM_HEADER)                                  \
    X(PatientWeight, 0x00101030, "DS", YQ_STUDY, 0, YQ_FROM_HEADER)                                \
    X(Occupation, 0x00102180, "SH", YQ_STUDY, 0, YQ_FROM_HEADER)                                   \
    X(AdditionalPatientHistory, 0x001021b0, "LT", YQ_STUDY, 0, YQ_FROM_HEADER)                     \
    X(ProcedureCodeValue, 0x00080100, "SH", YQ_STUDY, 0x00081032, YQ_FROM_HEADER)                  \
    X(ProcedureCodingScheme, 0x00080102, "SH", YQ_STUDY, 0x00081032, YQ_FROM_HEADER)               \
    X(ProcedureCodeMeaning, 0x00080104, "LO", YQ_STUDY, 0x00081032, YQ_FROM_HEADER)                \
    X(ModalitiesInStudy, 0x00080061, "CS", YQ_STUDY, 0, YQ_COMPUTED)                               \
    X(SOPClassesInStudy, 0x00080062, "UI", YQ_STUDY, 0, YQ_COMPUTED)                               \
    X(NumberOfStudyRelatedSeries, 0x00201206, "IS", YQ_STUDY, 0, YQ_COMPUTED)                      \
    X(NumberOfStudyRelatedInstances, 0x00201208, "IS", YQ_STUDY, 0, YQ_COMPUTED)                   \
    X(SeriesInstanceUID, 0x0020000e, "UI", YQ_SERIES, 0, YQ_FROM_HEADER)                           \
    X(Modality, 0x00080060, "CS", YQ_SERIES, 0, YQ_FROM_HEADER)                                    \
    X(SeriesNumber, 0x00200011, "IS", YQ_SERIES, 0, YQ_FROM_HEADER)                                \
    X(SeriesDescription, 0x0008103e, "LO", YQ_SERIES, 0, YQ_FROM_HEADER)                           \
    X(SeriesDate, 0x00080021, "DA", YQ_SERIES, 0, YQ_FROM_HEADER)                                  \
    X(SeriesTime, 0x00080031, "TM", YQ_SERIES, 0, YQ_FROM_HEADER)                                  \
    X(BodyPartExamined, 0x00180015, "CS", YQ_SERIES, 0, YQ_FROM_HEADER)                            \
    X(ProtocolName, 0x00181030, "LO", YQ_SERIES, 0, YQ_FROM_HEADER)                                \
    X(PatientPosition, 0x00185100, "CS", YQ_SERIES, 0, YQ_FROM_HEADER)                             \
    X(Laterality, 0x00200060, "CS", YQ_SERIES, 0, YQ_FROM_HEADER)                                  \
    X(InstitutionName, 0x00080080, "LO", YQ_SERIES, 0, YQ_FROM_HEADER)                             \
    X(InstitutionalDepartmentName, 0x00081040, "LO", YQ_SERIES, 0, YQ_FROM_HEADER)                 \
    X(StationName, 0x00081010, "SH", YQ_SERIES, 0, YQ_FROM_HEADER)                                 \
    X(Manufacturer, 0x00080070, "LO", YQ_SERIES, 0, YQ_FROM_HEADER)                                \
    X(ManufacturerModelName, 0x00081090, "LO", YQ_SERIES, 0, YQ_FROM_HEADER)                       \
    X(PerformingPhysicianName, 0x00081050, "PN", YQ_SERIES, 0, YQ_FROM_HEADER)                     \
    X(OperatorsName, 0x00081070, "PN", YQ_SERIES, 0, YQ_FROM_HEADER)                               \
    X(FrameOfReferenceUID, 0x00200052, "UI", YQ_SERIES, 0, YQ_FROM_HEADER)                         \
    X(PerformedProcedureStepStartDate, 0x00400244, "DA", YQ_SERIES, 0, YQ_FROM_HEADER)             \
    X(PerformedProcedureStepStartTime, 0x00400245, "TM", YQ_SERIES, 0, YQ_FROM_HEADER)             \
    X(PerformedProcedureStepID, 0x00400253, "SH", YQ_SERIES, 0, YQ_FROM_HEADER)                    \
    X(PerformedProcedureStepDescription, 0x00400254, "LO", YQ_SERIES, 0, YQ_FROM_HEADER)           \
    X(RequestedProcedureID, 0x00401001, "SH", YQ_SERIES, 0x00400275, YQ_FROM_HEADER)               \
    X(ScheduledProcedureStepID, 0x00400009, "SH", YQ_SERIES, 0x00400275, YQ_FROM_HEADER)           \
    X(ScheduledProcedureStepDescription, 0x00400007, "LO", YQ_SERIES, 0x00400275, YQ_FROM_HEADER)  \
    X(NumberOfSeriesRelatedInstances, 0x00201209, "IS", YQ_SERIES, 0, YQ_COMPUTED)                 \
    X(SOPInstanceUID, 0x00080018, "UI", YQ_IMAGE, 0, YQ_FROM_HEADER)                               \
    X(SOPClassUID, 0x00080016, "UI", YQ_IMAGE, 0, YQ_FROM_HEADER)                                  \
    X(InstanceNumber, 0x00200013, "IS", YQ_IMAGE, 0, YQ_FROM_HEADER)                               \
    X(ImageType, 0x00080008, "CS", YQ_IMAGE, 0, YQ_FROM_HEADER)                                    \
    X(AcquisitionDate, 0x00080022, "DA", YQ_IMAGE, 0, YQ_FROM_HEADER)                              \
    X(AcquisitionTime, 0x00080032, "TM", YQ_IMAGE, 0, YQ_FROM_HEADER)                              \
    X(ContentDate, 0x00080023, "DA", YQ_IMAGE, 0, YQ_FROM_HEADER)                                  \
    X(ContentTime, 0x00080033, "TM", YQ_IMAGE, 0, YQ_FROM_HEADER)                                  \
    X(AcquisitionNumber, 0x00200012, "IS", YQ_IMAGE, 0, YQ_FROM_HEADER)                            \
    X(ImageComments, 0x00204000, "LT", YQ_IMAGE, 0, YQ_FROM_HEADER)                                \
    X(NumberOfFrames, 0x00280008, "IS", YQ_IMAGE, 0, YQ_FROM_HEADER)                               \
    X(Rows, 0x00280010, "US", YQ_IMAGE, 0, YQ_FROM_HEADER)                                         \
    X(Columns, 0x00280011, "US", YQ_IMAGE, 0, YQ_FROM_HEADER)                                      \
    X(BitsAllocated, 0x00280100, "US", YQ_IMAGE, 0, YQ_FROM_HEADER)                                \
    X(ConceptNameCodeValue, 0x00080100, "SH", YQ_IMAGE, 0x0040a043, YQ_FROM_HEADER)                \
    X(ConceptNameCodingScheme, 0x00080102, "SH", YQ_IMAGE, 0x0040a043, YQ_FROM_HEADER)             \
    X(ConceptNameCodeMeaning, 0x00080104, "LO", YQ_IMAGE, 0x0040a043, YQ_FROM_HEADER)              \
    X(CompletionFlag, 0x0040a491, "CS", YQ_IMAGE, 0, YQ_FROM_HEADER)                               \
    X(VerificationFlag, 0x0040a493, "CS", YQ_IMAGE, 0, YQ_FROM_HEADER)                             \
    X(DocumentTitle, 0x00420010, "ST", YQ_IMAGE, 0, YQ_FROM_HEADER)                                \
    X(AvailableTransferSyntaxUID, 0x00083002, "UI", YQ_IMAGE, 0, YQ_COMPUTED)

enum yq_attr {
#define YQ_ATTR_ENUM(name, tag, vr, level, within, source) YQ_##name,
    YQ_ATTRS(YQ_ATTR_ENUM)
#undef YQ_ATTR_ENUM
        YQ_ATTR_COUNT
};

struct yq_attr_info {
    const char *name; /* PS3.6 keyword where `within` is 0; a name of ours inside sequences */
    uint32_t tag;
    const char *vr;
    enum yq_qr_level level;
    uint32_t within;
    enum yq_attr_source source;
};

extern const struct yq_attr_info yq_attrs[YQ_ATTR_COUNT];

/* The attribute with this tag inside this sequence (0: top level), or YQ_ATTR_COUNT. */
enum yq_attr yq_attr_by_tag(uint32_t tag, uint32_t within);
/* By name, without regard to case, or YQ_ATTR_COUNT. */
enum yq_attr yq_attr_by_name(const char *name);
/* The unique key of a level: PatientID, StudyInstanceUID, SeriesInstanceUID, SOPInstanceUID. */
enum yq_attr yq_level_key(enum yq_qr_level level);
/* "PATIENT", "STUDY", "SERIES", "IMAGE" (PS3.4 C.6.1.1.1), and back; false when it is none of them.
 */
const char *yq_level_name(enum yq_qr_level level);
bool yq_level_parse(const char *text, enum yq_qr_level *level);

#endif
