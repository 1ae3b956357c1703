"""Presidio's names for the labels of models; needs no Presidio, so it can be imported anywhere."""

from __future__ import annotations

_MEDICAL = (
    "DISEASE_DISORDER",
    "MEDICATION",
    "THERAPEUTIC_PROCEDURE",
    "CLINICAL_EVENT",
    "BIOLOGICAL_ATTRIBUTE",
    "BIOLOGICAL_STRUCTURE",
    "FAMILY_HISTORY",
    "HISTORY",
)
"""Presidio puts MEDICAL_ before these."""

LABEL_MAPPING: dict[str, str] = {
    **dict.fromkeys(("PER", "PS", "PERSON", "NAME", "FULL_NAME", "PATIENT", "STAFF", "HCW", "DOCTOR"), "PERSON"),
    **dict.fromkeys(("GIVEN_NAME", "FIRST_NAME", "MIDDLE_NAME", "SURNAME", "LAST_NAME"), "PERSON"),
    **dict.fromkeys(("LOC", "LOCATION", "GPE", "ADDRESS", "STREET", "STREET_NAME", "STREET_ADDRESS"), "LOCATION"),
    **dict.fromkeys(("BUILDING_NUMBER", "SECONDARY_ADDRESS", "CITY", "COUNTY", "STATE", "COUNTRY"), "LOCATION"),
    **dict.fromkeys(("ZIP_CODE", "ZIPCODE", "POSTCODE"), "LOCATION"),
    **dict.fromkeys(("LC", "FAC", "FACILITY"), "LOCATION"),
    **dict.fromkeys(
        ("ORG", "OG", "ORGANIZATION", "ORGANISATION", "HOSP", "HOSPITAL", "PATORG", "VENDOR"), "ORGANIZATION"
    ),
    **dict.fromkeys(("DATE", "DAT", "DT", "TIME", "TI", "DATE_TIME"), "DATE_TIME"),
    **dict.fromkeys(("PHONE", "TELEPHONE", "PHONE_NUMBER"), "PHONE_NUMBER"),
    **dict.fromkeys(("EMAIL", "EMAIL_ADDRESS"), "EMAIL_ADDRESS"),
    **dict.fromkeys(("CREDIT_CARD", "CREDIT_CARD_NUMBER"), "CREDIT_CARD"),
    **dict.fromkeys(("IP", "IP_ADDRESS"), "IP_ADDRESS"),
    "IBAN": "IBAN_CODE",
    "NORP": "NRP",
    "SSN": "US_SSN",
    **{name: name for name in ("AGE", "ID", "MISC")},
    **{name: f"MEDICAL_{name}" for name in _MEDICAL},
}
"""Presidio's names for labels that models name otherwise. A label that is not here keeps its own name.

All labels are here that Presidio's own tables know, with the names that those give; but `EMAIL` is `EMAIL_ADDRESS`, the
entity that Presidio's recogniser of e-mail addresses finds and its users ask for, and not `EMAIL`. Where its tables
differ (`HOSPITAL`), the one in its code counts.
"""


def entity_of(label: str) -> str:
    """Presidio's name for `label`, in any case and with any separator between its words."""
    return LABEL_MAPPING.get(label.upper().replace("-", "_").replace(" ", "_"), label)
