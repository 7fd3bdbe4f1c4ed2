"""Hypothesis strategies for LDAP values, within the bounds of the codec."""

from hypothesis import strategies as st

from lightwave.directory.ldap import filters as f
from lightwave.directory.ldap import requests as r
from lightwave.directory.ldap.controls import MAX_INT, Control
from lightwave.directory.ldap.decoding import LDAPMessage
from lightwave.directory.ldap.dn import AVA, DN, RDN

octets = st.binary(max_size=200)
names = st.from_regex(r"[A-Za-z][A-Za-z0-9-]{0,12}(;[a-z][a-z0-9-]{0,5}){0,2}", fullmatch=True)
oids = st.from_regex(r"[0-2](\.(0|[1-9][0-9]{0,6})){1,6}", fullmatch=True)
message_ids = st.integers(1, MAX_INT)

_assertions = st.one_of(
    st.builds(f.Equality, names, octets),
    st.builds(f.GreaterOrEqual, names, octets),
    st.builds(f.LessOrEqual, names, octets),
    st.builds(f.Approx, names, octets),
)
_parts = st.binary(min_size=1, max_size=20)
_substrings = st.builds(
    f.Substrings, names, st.none() | _parts, st.lists(_parts, max_size=3).map(tuple), st.none() | _parts
).filter(lambda node: node.initial is not None or node.any or node.final is not None)
_rules = names.filter(lambda name: ";" not in name and name.lower() != "dn")
_extensible = st.builds(f.Extensible, st.none() | _rules, st.none() | names, octets, st.booleans()).filter(
    lambda node: node.rule is not None or node.attribute is not None
)
_leaves: st.SearchStrategy[f.Filter] = _assertions | st.builds(f.Present, names) | _substrings | _extensible
filters: st.SearchStrategy[f.Filter] = st.recursive(
    _leaves,
    lambda children: st.one_of(
        st.builds(f.And, st.lists(children, max_size=4).map(tuple)),
        st.builds(f.Or, st.lists(children, max_size=4).map(tuple)),
        st.builds(f.Not, children),
    ),
    max_leaves=12,
)

_types = st.from_regex(r"[A-Za-z][A-Za-z0-9-]{0,8}|[0-2](\.(0|[1-9][0-9]{0,4})){1,4}", fullmatch=True)
_values = st.binary(max_size=24) | st.text(max_size=16).map(lambda text: text.encode("utf-8", "replace"))
rdns: st.SearchStrategy[RDN] = st.lists(st.builds(AVA, _types, _values), min_size=1, max_size=3).map(tuple)
dns: st.SearchStrategy[DN] = st.lists(rdns, max_size=5).map(tuple)

controls = st.lists(st.builds(Control, oids, st.booleans(), st.none() | octets), max_size=3).map(tuple)
_attribute = st.tuples(names, st.lists(octets, min_size=1, max_size=3).map(tuple))
_changes = st.builds(
    r.Modification, st.sampled_from(r.ModifyKind), names, st.lists(octets, max_size=3).map(tuple)
)
requests: st.SearchStrategy[r.Request] = st.one_of(
    st.builds(
        r.BindRequest,
        st.integers(1, 127),
        octets,
        st.builds(r.SimpleCredentials, octets) | st.builds(r.SaslCredentials, names, st.none() | octets),
    ),
    st.builds(r.UnbindRequest),
    st.builds(
        r.SearchRequest,
        octets,
        st.integers(0, 3),
        st.integers(0, 3),
        st.integers(0, MAX_INT),
        st.integers(0, MAX_INT),
        st.booleans(),
        filters,
        st.lists(names, max_size=4).map(tuple),
    ),
    st.builds(r.AddRequest, octets, st.lists(_attribute, max_size=4).map(tuple)),
    st.builds(r.ModifyRequest, octets, st.lists(_changes, max_size=4).map(tuple)),
    st.builds(r.DeleteRequest, octets),
    st.builds(r.ModifyDNRequest, octets, octets, st.booleans(), st.none() | octets),
    st.builds(r.CompareRequest, octets, names, octets),
    st.builds(r.AbandonRequest, st.integers(0, MAX_INT)),
    st.builds(r.ExtendedRequest, oids, st.none() | octets),
)
messages = st.builds(LDAPMessage, message_ids, requests, controls)
