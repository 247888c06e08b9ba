"""Whether a pipe's role may still do what the pipe is about to do.

IAM's simulator is asked once and its answer kept until something in IAM changes, so that a delivery costs nothing.
"""

from __future__ import annotations

from sandbox.aws.calls import AwsCaller, AwsCallFailed
from sandbox.pipes.delivery.permissions import INVOKE, is_allowed, send_action
from sandbox.pipes.plan.plan import PipePlan
from sandbox.pipes.syntax.arns import parse_arn
from sandbox.pipes.target.outcomes import Outcome, Rejected, Unreachable

#: The session in which Pipes uses a role (facts/aws-pipes.md, section 2).
_SESSION = "poller-platform-customer-role-session"


class Rights:
    """What roles may do, for all pipes."""

    def __init__(self, aws: AwsCaller) -> None:
        self._aws = aws
        self._known: dict[tuple[str, str, str], bool] = {}

    def forget(self) -> None:
        """A policy or a role was changed."""
        self._known = {}

    async def refuse_invocation(self, plan: PipePlan) -> Outcome | None:
        """What comes of an attempt when the role may not invoke the target; None when it may."""
        try:
            if await self._allows(plan, INVOKE, plan.target_arn):
                return None
        except AwsCallFailed as error:
            return Unreachable(f"Unable to look at the role: {error}")
        words = f"Target invocation failed with error from ApiDestinations. Not allowed to invoke {plan.target_arn}."
        return Rejected(words, "AccessDenied", retryable=True, status=400)

    async def check_dead_letters(self, plan: PipePlan) -> None:
        """Raises AwsCallFailed when the role may not send to the pipe's dead-letter queue or topic."""
        action = send_action(plan)
        if await self._allows(plan, action, plan.dead_letter_arn):
            return
        role = parse_arn(plan.role_arn)
        user = f"arn:aws:sts::{role.account}:assumed-role/{role.resource.rpartition('/')[2]}/{_SESSION}"
        message = (
            f"User: {user} is not authorized to perform: {action.lower()} on resource: {plan.dead_letter_arn} "
            f"because no identity-based policy allows the {action.lower()} action"
        )
        raise AwsCallFailed(action.replace(":", "."), "AccessDenied", message, 403)

    async def _allows(self, plan: PipePlan, action: str, resource_arn: str) -> bool:
        known, key = self._known, (plan.role_arn, action, resource_arn)
        if key not in known:
            # Should something change while this is asked, the answer goes into a dict that nobody looks at any more.
            known[key] = await is_allowed(self._aws, plan, (action,), resource_arn)
        return known[key]
