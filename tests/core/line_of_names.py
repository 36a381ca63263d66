"""A waiting line in which names stand."""

from control.core.protection import Priority, QueuePolicy
from control.core.waiting_lane import Waiter
from control.core.waiting_line import WaitingLine

HIGH, NORMAL, LOW = Priority.HIGH, Priority.NORMAL, Priority.LOW
QUICK = QueuePolicy(max_queue_size=4, target_delay_s=0.005, interval_s=0.1)


class Line(WaitingLine[str]):
    """A line of names."""

    def add(
        self,
        name: str,
        now_s: float = 0.0,
        *,
        tenant: str = "acme",
        priority: Priority = NORMAL,
        deadline_s: float = 60.0,
    ) -> Waiter[str] | None:
        """Join, and tell who was pushed out."""
        return self.join(Waiter(name, tenant, priority, deadline_s, now_s))

    def serve_all(self, now_s: float = 0.0) -> list[str]:
        """Serve until nobody waits."""
        served = []
        while self.size:
            waiter = self.next_waiter(now_s)
            self.serve(waiter)
            served.append(waiter.item)
        return served
