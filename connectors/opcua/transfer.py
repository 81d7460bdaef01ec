"""Is a subscription still this session's after a reconnect? One known fault of servers is put right here."""

from asyncua import ua
from asyncua.client.ua_session import UaSession
from asyncua.ua import uaerrors

NOTHING_TO_DO = 0x800F0000
NO_SUCH_SERVICE = 0x800B0000  # BadServiceUnsupported: small servers know no transfer


async def take_over(session: UaSession, subscription_id: int, *, same_session: bool) -> bool:
    """Whether the subscription is alive and its notifications come to this session.

    A server that answers BadNothingToDo means that the session owns the subscription already (node-opcua does so when
    a session was activated again on a new channel). Taken for a failure, as asyncua's own reconnect takes it, the
    subscription would be made anew, and what its queues hold of a cut of 3 s would be lost whole. A server without the
    service keeps a session's subscriptions with it.
    """
    ours = {NOTHING_TO_DO, NO_SUCH_SERVICE} if same_session else {NOTHING_TO_DO}
    parameters = ua.TransferSubscriptionsParameters()
    parameters.SubscriptionIds = [subscription_id]
    parameters.SendInitialValues = False
    try:
        results = await session.transfer_subscriptions(parameters)
    except uaerrors.UaStatusCodeError as error:
        return int(error.code) in ours
    return bool(results) and (results[0].StatusCode.is_good() or results[0].StatusCode.value in ours)
