"""What can go wrong in the simulator. Each message names what, where and what to do."""


class SimulatorError(Exception):
    """Any refusal the user can mend; its text is one line meant for them."""


class ScenarioError(SimulatorError):
    """A scenario file that cannot be read as one."""


class OptionError(SimulatorError):
    """Options that contradict each other or the scenario."""


class TargetError(SimulatorError):
    """The broker or the file refuses what is sent."""


class ManifestError(SimulatorError):
    """A manifest that is no manifest, or belongs to another run."""
