"""One request under way: who asks, for what, and the ways to the bridge and to the body."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from bridge_core.bridge import Bridge
from bridge_core.call import Call, Principal
from bridge_core.errors import UnknownName
from bridge_core.operations import Answer, Operation, Page, Read, Write, Written
from bridge_core.schema import Model
from bridge_core.surfaces.jet.access import denied
from bridge_core.surfaces.jet.exchange import Request
from bridge_core.surfaces.jet.naming import known
from bridge_core.surfaces.jet.problems import general
from bridge_core.surfaces.jet.question import Question, question_of
from bridge_core.surfaces.jet.reading import Reading, Sizes

_UNKNOWN_MODEL = "PGRST205"


@dataclass(frozen=True, slots=True)
class Visit:
    """What an endpoint knows of its request. `model` is that of the path, where one stands in it."""

    bridge: Bridge
    request: Request
    principal: Principal
    found: Model | None
    sizes: Sizes
    deadline: float
    receive: Callable[[], Awaitable[object]]

    @property
    def model(self) -> Model:
        """Return the model of the path."""
        assert self.found is not None  # the endpoint was reached by a path that names one
        return self.found

    @property
    def reading(self) -> Reading:
        """Return what answers questions about records."""
        return Reading(self.perform, self.sizes)

    def question(self) -> Question:
        """Return what the parameters ask of the model."""
        return question_of(self.request, self.model, self.find)

    def find(self, name: str) -> Model:
        """Return another model by the name that clients write, as this principal may know it."""
        return known(self.bridge, self.principal, name)

    async def perform(self, operation: Operation) -> Answer:
        """Carry an operation to the bridge."""
        try:
            return await self.bridge.handle(Call(operation, self.principal, self.deadline))
        except UnknownName as refusal:
            if refusal.code == _UNKNOWN_MODEL:  # the model is known to the caller: what is missing is the right
                raise denied() from None
            raise

    async def read(self, read: Read) -> Page:
        """Perform a read."""
        answer = await self.perform(read)
        assert isinstance(answer, Page)  # a Read is answered by a Page
        return answer

    async def write(self, operation: Write) -> Written:
        """Perform a write."""
        answer = await self.perform(operation)
        assert isinstance(answer, Written)  # a write is answered by what became of it
        return answer

    async def body(self) -> dict[str, object]:
        """Return the body, which must be an object."""
        data = await self.receive()
        if not isinstance(data, dict):
            raise general("the body must be an object")
        return data
