"""Builds the heavy parts of the engine off the UI thread; a part that cannot be had is a fault."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

from engine import paths
from engine.config import Settings
from engine.courtesy import giving_way
from engine.reason import reason
from engine.types import Detector, Fault

if TYPE_CHECKING:
    from engine.detect.model import ModelDetector
    from engine.detect.rules import RuleDetector

NO_MODEL = "no model"

_T = TypeVar("_T")


class Lasting(Detector, Protocol):
    """A judge that costs a second to make."""

    def afresh(self) -> Lasting:
        """Return the same judge with nothing seen yet."""
        ...


@dataclass(slots=True)
class Detectors:
    """The judges that may serve one source after another, and how to make those that may not."""

    lasting: list[Lasting]
    model: ModelDetector | None
    faults: list[Fault] = field(default_factory=list)

    def afresh(self) -> Detectors:
        """Return the same judges, compiled once, with nothing seen yet."""
        model = self.model.afresh() if self.model else None
        lasting = [model if part is self.model and model else part.afresh() for part in self.lasting]
        return Detectors(lasting, model, list(self.faults))

    def for_source(self) -> list[Detector]:
        """Return the judges of one source: behaviour is judged within a source only."""
        from engine.detect.bruteforce import BruteForceDetector  # noqa: PLC0415 - after the first paint
        from engine.detect.scan import ScanDetector  # noqa: PLC0415 - after the first paint

        return [*self.lasting, ScanDetector(), BruteForceDetector(), *self.for_reports()]

    def for_reports(self) -> list[Detector]:
        """Return the judge of what other products report; it loads what it needs at the first report."""
        from engine.classifier import shipped_classifier  # noqa: PLC0415 - after the first paint
        from engine.detect.event import EventDetector  # noqa: PLC0415 - after the first paint

        return [EventDetector(shipped_classifier)]

    @property
    def scores(self) -> Mapping[str, float]:
        """The model's recent scores by flow id."""
        return self.model.scores if self.model else {}

    @property
    def model_name(self) -> str:
        """What judges, for the header."""
        return f"{self.model.name} {self.model.version}" if self.model else NO_MODEL


def load_detectors(settings: Settings, now: float) -> Detectors:
    """Compile the rules and load the model."""
    with giving_way():
        return _load_detectors(settings, now)


def _load_detectors(settings: Settings, now: float) -> Detectors:
    detectors = Detectors([], None)
    remedy = "name a folder of valid rules, or reinstall"
    rules = _try(detectors, "rules", remedy, now, lambda: load_rules(settings, aside=True))
    detectors.model = _try(
        detectors, "model", "the rules judge alone: check AEGIS_MODEL, or reinstall", now, lambda: load_model(settings)
    )
    detectors.lasting = [part for part in (rules, detectors.model) if part is not None]
    return detectors


def load_rules(settings: Settings, *, aside: bool = False) -> RuleDetector:
    """Compile the signature rules, ``aside`` in a process of its own.

    Raises:
        ValueError: a rule file is broken, or there is none; the text names it.
        OSError: the folder cannot be read.
    """
    from engine.detect.rules import RuleDetector  # noqa: PLC0415 - heavy, after the first paint

    folder = Path(settings.rules) if settings.rules else paths.RULES
    detector = RuleDetector(folder, aside=aside)
    if not detector.signatures:
        msg = f"there are no rules in {folder}"
        raise ValueError(msg)
    return detector


def load_model(settings: Settings) -> ModelDetector:
    """Load the ONNX model.

    Raises:
        ValueError: the file is not a model of the expected shape.
        OSError: the file cannot be read.
    """
    from engine.detect.model import ModelDetector  # noqa: PLC0415 - heavy, after the first paint

    file = Path(settings.model) if settings.model else paths.MODELS / "flow-cnn.onnx"
    return ModelDetector(file, settings.threshold or None)


def _try(detectors: Detectors, ability: str, remedy: str, now: float, make: Callable[[], _T]) -> _T | None:
    try:
        return make()
    except (OSError, ValueError, ImportError) as error:
        detectors.faults.append(Fault(ability, reason(error), remedy, now))
        return None
