"""Endpoints that act on the pair itself; they answer on a standby OMM too."""

from __future__ import annotations

from dataclasses import asdict

from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from omm_portal.api import actor
from omm_portal.problems import problem, problem_response
from standby import actions
from standby.actions import ActionAnswer
from standby.api.serializers import AcceptedSerializer, PreflightSerializer, TakeoverSerializer


class SwitchoverView(APIView):
    """Handing the active role to the peer."""

    @extend_schema(request=None, responses={202: AcceptedSerializer})
    def post(self, request: Request) -> Response:
        """Start a switch-over, or say which checks speak against it (409)."""
        return _answered(actions.switchover(actor=actor(request)))


class RebootView(APIView):
    """Restarting the OMM asked."""

    @extend_schema(request=None, responses={202: AcceptedSerializer})
    def post(self, request: Request) -> Response:
        """Restart this OMM; an active one hands over first."""
        return _answered(actions.reboot(actor=actor(request)))


class TakeoverView(APIView):
    """Making the OMM asked active."""

    @extend_schema(request=TakeoverSerializer, responses={202: AcceptedSerializer})
    def post(self, request: Request) -> Response:
        """Take over; ``force`` overrides a SIP server that does not answer."""
        wanted = TakeoverSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        force = wanted.validated_data["force"]
        return _answered(actions.takeover(actor=actor(request), force=force))


class PreflightView(APIView):
    """The checks before a switch-over."""

    @extend_schema(responses=PreflightSerializer)
    def get(self, request: Request) -> Response:
        """List each check with its verdict and what to do."""
        checks = actions.preflight()
        listed = [asdict(check) for check in checks]
        return Response({"ok": all(check.ok for check in checks), "checks": listed})


def _answered(answer: ActionAnswer) -> Response:
    checks = [asdict(check) for check in answer.checks]
    if answer.accepted:
        return Response(
            {"accepted": True, "reason": answer.reason, "checks": checks},
            status=status.HTTP_202_ACCEPTED,
        )
    return problem_response(
        problem("not-accepted", 409, answer.reason, accepted=False, checks=checks)
    )
