"""The label tables of presidio-analyzer 2.2.366 are part of ours; `test_presidio.py` reads the installed ones."""

import pytest

from fastpost.integrations.presidio_labels import LABEL_MAPPING, entity_of
from fastpost.integrations.reader import types_of

THEIRS = {
    "MODEL_TO_PRESIDIO_ENTITY_MAPPING": """PER=PERSON PERSON=PERSON LOC=LOCATION LOCATION=LOCATION GPE=LOCATION
        ORG=ORGANIZATION DATE=DATE_TIME TIME=DATE_TIME NORP=NRP AGE=AGE ID=ID EMAIL=EMAIL PATIENT=PERSON STAFF=PERSON
        HOSP=ORGANIZATION PATORG=ORGANIZATION PHONE=PHONE_NUMBER HCW=PERSON HOSPITAL=ORGANIZATION""",
    "conf/*.yaml": """PER=PERSON PERSON=PERSON NORP=NRP FAC=LOCATION LOC=LOCATION GPE=LOCATION LOCATION=LOCATION
        ORG=ORGANIZATION ORGANIZATION=ORGANIZATION DATE=DATE_TIME TIME=DATE_TIME AGE=AGE ID=ID EMAIL=EMAIL
        PATIENT=PERSON STAFF=PERSON HOSP=ORGANIZATION PATORG=ORGANIZATION PHONE=PHONE_NUMBER HCW=PERSON
        HOSPITAL=LOCATION FACILITY=LOCATION VENDOR=ORGANIZATION""",
    "HuggingFaceNerRecognizer": """PER=PERSON LOC=LOCATION ORG=ORGANIZATION MISC=MISC DAT=DATE_TIME DATE=DATE_TIME
        TIME=DATE_TIME PS=PERSON LC=LOCATION OG=ORGANIZATION DT=DATE_TIME TI=DATE_TIME PERSON=PERSON LOCATION=LOCATION
        ORGANIZATION=ORGANIZATION DATE_TIME=DATE_TIME""",
    "MedicalNERRecognizer": """DISEASE_DISORDER=MEDICAL_DISEASE_DISORDER MEDICATION=MEDICAL_MEDICATION
        THERAPEUTIC_PROCEDURE=MEDICAL_THERAPEUTIC_PROCEDURE CLINICAL_EVENT=MEDICAL_CLINICAL_EVENT
        BIOLOGICAL_ATTRIBUTE=MEDICAL_BIOLOGICAL_ATTRIBUTE BIOLOGICAL_STRUCTURE=MEDICAL_BIOLOGICAL_STRUCTURE
        FAMILY_HISTORY=MEDICAL_FAMILY_HISTORY HISTORY=MEDICAL_HISTORY""",
}
CHOSEN = {"EMAIL": "EMAIL_ADDRESS", "HOSPITAL": "ORGANIZATION"}
"""Where Presidio's tables differ from each other or from the entity that its own recogniser finds."""


@pytest.mark.parametrize("name", THEIRS)
def test_presidios_tables_are_in_ours(name):
    theirs = dict(entry.split("=") for entry in THEIRS[name].split())
    assert {label: LABEL_MAPPING[label] for label in theirs} == {
        **theirs,
        **{k: CHOSEN[k] for k in CHOSEN if k in theirs},
    }


@pytest.mark.parametrize(
    ("label", "entity"),
    [("patient", "PERSON"), ("First-Name", "PERSON"), ("phone number", "PHONE_NUMBER"), ("Gadget", "Gadget")],
)
def test_a_label_in_any_case(label, entity):
    assert entity_of(label) == entity


@pytest.mark.parametrize(
    ("labels", "types"),
    [
        (["O", "B-PER", "I-PER"], ["O", "PER", "PER"]),
        (["B-GIVEN-NAME", "I-GIVEN-NAME"], ["GIVEN-NAME"] * 2),
        (["B_PER", "I_PER"], ["PER"] * 2),
        (["PER-B", "PER-I"], ["PER"] * 2),
        (["U-X", "B-X", "I-X", "L-X"], ["X"] * 4),
        (["PER", "LOC"], ["PER", "LOC"]),
        (["B", "I"], ["B", "I"]),
        (["B-PER", "X-LOC"], ["B-PER", "X-LOC"]),
    ],
)
def test_types_of_labels(labels, types):
    assert list(types_of(labels).values()) == types
