"""User code finds the programs of its own environment, as it does when that is activated."""

from pathlib import Path

from agent.virtualenv import activated


def test_the_programs_of_a_virtual_environment_come_first(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "pyvenv.cfg").touch()

    environment = activated({"PATH": "/usr/bin", "KEPT": "yes"}, tmp_path / "bin" / "python")

    assert environment == {"PATH": f"{tmp_path}/bin:/usr/bin", "VIRTUAL_ENV": str(tmp_path), "KEPT": "yes"}


def test_an_interpreter_outside_one_leaves_no_trace_of_the_agents_own(tmp_path: Path) -> None:
    environment = activated({"PATH": "/usr/bin", "VIRTUAL_ENV": "/of/the/agent"}, tmp_path / "python3")

    assert environment == {"PATH": f"{tmp_path}:/usr/bin"}
