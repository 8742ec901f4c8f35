"""What came true: outcomes by the id of their prediction."""

from __future__ import annotations

import time
from http import HTTPStatus

from ordain.serving.call import Call
from ordain.serving.contracts import Outcome
from ordain.serving.kit import Kit
from ordain.serving.predicting import JSON
from ordain.serving.refusal import Refusal, Reply
from ordain.serving.wire import Reader, encode


class Observing:
    """The endpoint of outcomes."""

    def __init__(self, kit: Kit, reader: Reader) -> None:
        self._kit, self._reader = kit, reader

    async def feedback(self, call: Call) -> Reply:
        """Take an outcome over.

        Whether its prediction exists is found when both are joined: it may be in a file that is not
        written yet, or come from another process.

        Raises:
            Refusal: it is malformed, names no output, is nothing that an output can be, or nothing
                is kept here.
        """
        if call.content_type != JSON:
            raise Refusal(415, "unknown_form", "the body must be application/json")
        body = self._reader.feedback(call.body)
        if self._kit.feedback is None:
            raise Refusal(
                HTTPStatus.NOT_IMPLEMENTED, "not_kept", "this server keeps no predictions"
            )
        outputs = [
            output
            for served in self._kit.state().all()
            if call.caller.may("feedback", served.name)
            for output in served.shape.outputs
        ]
        known = {output.name for output in outputs}
        strange = sorted(set(body.values) - known)
        if strange or not body.values:
            named = f"`{strange[0][:60]}` is no output" if strange else "`values` is empty"
            raise Refusal.bad_outcome(
                [
                    {
                        "field": strange[0] if strange else "values",
                        "code": "unknown",
                        "message": f"{named}; possible: {', '.join(sorted(known))}",
                    }
                ]
            )
        faults = []
        for name, value in body.values.items():
            found = [output.fault_of(value) for output in outputs if output.name == name]
            first = found[0]
            if first is not None and all(found):  # versions may have other labels
                faults.append(first)
        if faults:
            raise Refusal.bad_outcome(faults)
        receipt = self._kit.feedback.write(
            Outcome(body.prediction_id, body.values, time.time(), call.caller.name)
        )
        if receipt is None:
            raise Refusal.busy()
        self._kit.meters.feedback(receipt)
        return Reply(encode({"prediction_id": body.prediction_id, "receipt": receipt}))
