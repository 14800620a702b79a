"""What schemathesis does beside asking."""

import schemathesis
from schemathesis.core.parameters import ParameterLocation

from house import furnish


@schemathesis.hook
def after_call(context, case, response):
    """What was deleted is made anew, so that what is asked next finds it."""
    is_deletion = case.method == "DELETE" and case.operation.path == "/{name}"
    if is_deletion and response.status_code == 200:
        furnish()


@schemathesis.hook
def before_call(context, case, kwargs):
    """What is right about the head is made so, because no body is read behind a wrong one.

    Schemathesis takes `0` for an entity tag where one should be right; and each condition of a push is
    right, but not together with the other.
    """
    if case.meta is None or case.meta.is_negative_at(ParameterLocation.HEADER):
        return
    held = {name: case.headers.get(name) for name in ("If-Match", "If-None-Match")}
    has_both = case.operation.path == "/" and None not in held.values()
    for name, value in held.items():
        if value is not None and (value == "0" or has_both):
            del case.headers[name]
