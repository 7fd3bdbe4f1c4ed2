"""The rights that have a name: control access rights, property sets and validated writes ([MS-ADTS] 5.1.3.2.1, .2).

Active Directory keeps them as entries below cn=Extended-Rights; here they are fixed. Listed is what means something to
this server, or is what administrators of Active Directory delegate; an entry may name any other GUID, which is then
about nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from lightwave.directory.access.guid import Guid, parse_guid

CONTROL_RIGHTS: Final[Mapping[str, Guid]] = {
    name: parse_guid(text)
    for name, text in {
        "User-Change-Password": "ab721a53-1e2f-11d0-9819-00aa0040529b",
        "User-Force-Change-Password": "00299570-246d-11d0-a768-00aa006e0529",
        "Send-As": "ab721a54-1e2f-11d0-9819-00aa0040529b",
        "Receive-As": "ab721a56-1e2f-11d0-9819-00aa0040529b",
        "Send-To": "ab721a55-1e2f-11d0-9819-00aa0040529b",
        "DS-Replication-Get-Changes": "1131f6aa-9c07-11d1-f79f-00c04fc2dcd2",
        "DS-Replication-Get-Changes-All": "1131f6ad-9c07-11d1-f79f-00c04fc2dcd2",
        "DS-Replication-Get-Changes-In-Filtered-Set": "89e95b76-444d-4c62-991a-0facbeda640c",
        "DS-Replication-Synchronize": "1131f6ab-9c07-11d1-f79f-00c04fc2dcd2",
        "DS-Replication-Manage-Topology": "1131f6ac-9c07-11d1-f79f-00c04fc2dcd2",
        "DS-Replication-Monitor-Topology": "f98340fb-7c5b-4cdb-a00b-2ebdfa115a96",
        "DS-Install-Replica": "9923a32a-3607-11d2-b9be-0000f87a36b2",
        "Reanimate-Tombstones": "45ec5156-db7e-47bb-b53f-dbeb2d03c40f",
        "Allowed-To-Authenticate": "68b1d179-0d15-4d4f-ab71-46152e79a7bc",
        "Migrate-SID-History": "ba33815a-4f93-4c76-87f3-57574bff8109",
        "Unexpire-Password": "ccc2dc7d-a6ad-4a7a-8846-c04e3cc53501",
        "Update-Password-Not-Required-Bit": "280f369c-67c7-438e-ae98-1d46f3c6f541",
        "Enable-Per-User-Reversibly-Encrypted-Password": "05c74c5e-4deb-43b4-bd9f-86664c2a7fd5",
        "Certificate-Enrollment": "0e10c968-78fb-11d2-90d4-00c04f79dc55",
        "Certificate-AutoEnrollment": "a05b8cc2-17bc-4802-a710-e7c15ab866a2",
        "Apply-Group-Policy": "edacfd8f-ffb3-11d1-b41d-00a0c968f939",
        "Add-GUID": "440820ad-65b4-11d1-a3da-0000f875ae0d",
        "Change-Schema-Master": "e12b56b6-0a95-11d1-adbb-00c04fd8d5cd",
        "Change-Rid-Master": "d58d5f36-0a98-11d1-adbb-00c04fd8d5cd",
        "Change-PDC": "bae50096-4752-11d1-9052-00c04fc2d4cf",
        "Change-Domain-Master": "014bf69c-7b3b-11d1-85f6-08002be74fab",
        "Change-Infrastructure-Master": "cc17b1fb-33d9-11d2-97d4-00c04fd8d5cd",
        "Manage-Optional-Features": "7c0e2a7c-a419-48e4-a995-10180aad54dd",
        "Lightwave-Read-Audit": "5b7c1d0e-3f0a-4c8e-9a55-2d0c6f0e4a71",  # of this server
    }.items()
}

PROPERTY_SETS: Final[Mapping[str, Guid]] = {
    name: parse_guid(text)
    for name, text in {
        "Domain-Password": "c7407360-20bf-11d0-a768-00aa006e0529",
        "General-Information": "59ba2f42-79a2-11d0-9020-00c04fc2d3cf",
        "User-Account-Restrictions": "4c164200-20c0-11d0-a768-00aa006e0529",
        "User-Logon": "5f202010-79a5-11d0-9020-00c04fc2d4cf",
        "Membership": "bc0ac240-79a9-11d0-9020-00c04fc2d4cf",
        "Personal-Information": "77b5b886-944a-11d1-aebd-0000f80367c1",
        "Email-Information": "e45795b2-9455-11d1-aebd-0000f80367c1",
        "Web-Information": "e45795b3-9455-11d1-aebd-0000f80367c1",
        "Public-Information": "e48d0154-bcf8-11d1-8702-00c04fb96050",
        "Private-Information": "91e647de-d96f-4b70-9557-d63ff4f3ccd8",
        "RAS-Information": "037088f8-0ae1-11d2-b422-00a0c968f939",
        "Domain-Other-Parameters": "b8119fd0-04f6-4762-ab7a-4986c76b3f9a",
        "DNS-Host-Name-Attributes": "72e39547-7b18-11d1-adef-00c04fd8d5cd",
        "MS-TS-GatewayAccess": "ffa6f046-ca4b-4feb-b40d-04dfee722543",
        "Terminal-Server-License-Server": "5805bc62-bdc9-4428-a5e2-856a0f4c185e",
    }.items()
}

VALIDATED_WRITES: Final[Mapping[str, Guid]] = {
    name: parse_guid(text)
    for name, text in {
        "Self-Membership": "bf9679c0-0de6-11d0-a285-00aa003049e2",
        "Validated-DNS-Host-Name": "72e39547-7b18-11d1-adef-00c04fd8d5cd",
        "Validated-MS-DS-Additional-DNS-Host-Name": "80863791-dbe9-4eb8-837e-7f0ab55d9ac7",
        "Validated-MS-DS-Behavior-Version": "d31a8757-2447-4545-8081-3bb610cacbf2",
        "Validated-SPN": "f3a64788-5306-11d1-a9c5-0000f80367c1",
    }.items()
}

CHANGE_PASSWORD: Final = CONTROL_RIGHTS["User-Change-Password"]
RESET_PASSWORD: Final = CONTROL_RIGHTS["User-Force-Change-Password"]
GET_CHANGES: Final = CONTROL_RIGHTS["DS-Replication-Get-Changes"]
GET_CHANGES_ALL: Final = CONTROL_RIGHTS["DS-Replication-Get-Changes-All"]
REANIMATE_TOMBSTONES: Final = CONTROL_RIGHTS["Reanimate-Tombstones"]
UNEXPIRE_PASSWORD: Final = CONTROL_RIGHTS["Unexpire-Password"]
READ_AUDIT: Final = CONTROL_RIGHTS["Lightwave-Read-Audit"]
SELF_MEMBERSHIP: Final = VALIDATED_WRITES["Self-Membership"]
VALIDATED_SPN: Final = VALIDATED_WRITES["Validated-SPN"]
VALIDATED_DNS_HOST_NAME: Final = VALIDATED_WRITES["Validated-DNS-Host-Name"]
VALIDATED_ADDITIONAL_DNS_HOST_NAME: Final = VALIDATED_WRITES["Validated-MS-DS-Additional-DNS-Host-Name"]


def name_of(guid: Guid) -> str | None:
    """The name of a control access right, property set or validated write; None for any other GUID.

    Validated-DNS-Host-Name and DNS-Host-Name-Attributes share theirs, as in Active Directory.
    """
    return _NAMES.get(guid)


_NAMES: Final[Mapping[Guid, str]] = {
    guid: name for table in (PROPERTY_SETS, VALIDATED_WRITES, CONTROL_RIGHTS) for name, guid in table.items()
}
