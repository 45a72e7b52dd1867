// dictionary.cc: what DCMTK's tables know: VRs by tag (PS3.6 chapters 6 to 8), UIDs by name (PS3.6
// annex A), storage SOP classes (PS3.4 B.5).
//
// Read only; thread-safe (DCMTK's lock).
#include <dcmtk/config/osconfig.h>

#include <dcmtk/dcmdata/dcdicent.h>
#include <dcmtk/dcmdata/dcdict.h>
#include <dcmtk/dcmdata/dcuid.h>

#include <cstring>

extern "C" {
#include "scan.h"
}

namespace
{
// DCMTK's own names for what is ambiguous, as implicit VR has to read them (PS3.5 A.1).
DcmEVR settled(DcmEVR evr)
{
    switch (evr) {
    case EVR_xs: return EVR_US;
    case EVR_ox:
    case EVR_px:
    case EVR_lt: return EVR_OW;
    case EVR_up: return EVR_UL;
    default: return evr;
    }
}

const char *look_up(uint32_t tag)
{
    if ((tag & 0xffff) == 0)
        return "UL"; // group length
    if ((tag >> 16 & 1) && (tag & 0xffff) >= 0x10 && (tag & 0xffff) <= 0xff)
        return "LO"; // private creator, PS3.5 7.8.1
    const DcmDataDictionary &dictionary = dcmDataDict.rdlock();
    const DcmDictEntry *entry = dictionary.findEntry(
        DcmTagKey(static_cast<Uint16>(tag >> 16), static_cast<Uint16>(tag)), NULL);
    const DcmVR vr(entry ? settled(entry->getEVR()) : EVR_UN);
    dcmDataDict.rdunlock();
    return vr.isStandard() ? vr.getVRName() : "UN"; // a pointer into DCMTK's static table
}

const char *look_up_private(uint32_t tag, const char *creator)
{
    const DcmDataDictionary &dictionary = dcmDataDict.rdlock();
    const DcmDictEntry *entry = dictionary.findEntry(
        DcmTagKey(static_cast<Uint16>(tag >> 16), static_cast<Uint16>(tag)), creator);
    const DcmVR vr(entry ? settled(entry->getEVR()) : EVR_UN);
    dcmDataDict.rdunlock();
    return vr.isStandard() && vr.getEVR() != EVR_SQ ? vr.getVRName() : "UN";
}

bool is_ambiguous(uint32_t tag)
{
    const DcmDataDictionary &dictionary = dcmDataDict.rdlock();
    const DcmDictEntry *entry = dictionary.findEntry(
        DcmTagKey(static_cast<Uint16>(tag >> 16), static_cast<Uint16>(tag)), NULL);
    bool ambiguous = entry && entry->getEVR() == EVR_xs;
    dcmDataDict.rdunlock();
    return ambiguous;
}
} // namespace

extern "C" {

const char *yq_dcm_dictionary_vr(uint32_t tag)
{
    try {
        return look_up(tag);
    } catch (...) {
        return "UN";
    }
}

const char *yq_dcm_private_vr(uint32_t tag, const char *creator)
{
    try {
        return *creator ? look_up_private(tag, creator) : "UN";
    } catch (...) {
        return "UN";
    }
}

bool yq_dcm_follows_pixels(uint32_t tag)
{
    try {
        return is_ambiguous(tag);
    } catch (...) {
        return false;
    }
}

const char *yq_dcm_uid_name(const char *uid)
{
    try {
        return dcmFindNameOfUID(uid);
    } catch (...) {
        return NULL;
    }
}

bool yq_dcm_is_storage_class(const char *sop_class)
{
    for (int i = 0; i < numberOfDcmAllStorageSOPClassUIDs; i++)
        if (std::strcmp(dcmAllStorageSOPClassUIDs[i], sop_class) == 0)
            return true;
    return false;
}
}
