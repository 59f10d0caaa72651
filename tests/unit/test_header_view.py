from __future__ import annotations

import pytest
from builders import NOW, run_of_windows, snapshot, status, window
from builders import target as process

from perftui.model.snapshot import Snapshot, SourceState
from perftui.model.stacks import Mode
from perftui.model.target import TargetState
from perftui.tui.header_view import header, sampler


def left(seen: Snapshot, paused_at: float | None = None) -> str:
    return header(seen, paused_at)[0]


def sampled(state: SourceState = SourceState.OK, message: str = "", **more: object) -> Snapshot:
    """Ten seconds with two hundred samples and a py-spy that says `message`."""
    return snapshot(
        windows=run_of_windows(10, {"main": 20}, sampler_cpu_s=0.07, **more),
        sources=[status("py-spy", state, message)],
    )


def test_live():
    """The header names program, state, process, Python, age and host."""
    assert left(snapshot()) == ("perftui ● LIVE  checkout  pid 4775  py 3.11.7  up 3h12m  web-12")


def test_children_and_unknown_python():
    """Children are counted; a version that is not known is a question mark."""
    seen = snapshot(children=(1, 2), target=process(python=None))
    assert "  pid 4775 +2  py ?  " in left(seen)


@pytest.mark.parametrize(
    ("state", "said", "up"),
    [
        (TargetState.EXITED, "✗ EXITED for 1m30s", "up 3h10m"),
        (TargetState.STOPPED, "‖ STOPPED for 1m30s", "up 3h12m"),
        (TargetState.LOST, "? LOST for 1m30s", "up 3h12m"),
    ],
)
def test_a_target_that_does_not_run(state: TargetState, said: str, up: str):
    """What is wrong with the target stands first, with since when; the dead do not age."""
    found = left(snapshot(target_state=state, target_since=NOW - 90))
    assert found.startswith(f"perftui {said}  checkout")
    assert f"  {up}  " in found


def test_paused():
    """A view that is held says for how long."""
    assert left(snapshot(), NOW - 12).startswith("perftui ● LIVE  ‖ PAUSED 12 s  checkout")


def test_names_are_harmless_and_short():
    """A process cannot write on the terminal by its name."""
    found = left(snapshot(target=process(name="a\x1b[2J" + "b" * 100, host="h\n" * 100)))
    assert "\x1b" not in found
    assert "  a�" + "b" * 38 + "  pid" in found
    assert len(found) < 140


def test_the_sampler():
    """The sampler's half says rate, mode, coverage, errors and its own cost."""
    assert header(sampled(errors=5, stopped_s=0.006), None)[1] == (
        "100 Hz  blocking  stops it 0.6%  cover 100%  err 5.0%  py-spy 7% cpu"
    )


@pytest.mark.parametrize(
    ("mode", "said"),
    [
        (Mode.BLOCKING, "blocking"),
        (Mode.NONBLOCKING, "non-blocking"),
        (Mode.GIL, "GIL only"),
    ],
)
def test_mode(mode: Mode, said: str):
    """How it looks is said."""
    assert sampler(sampled(mode=mode)).split("  stops")[0] == f"100 Hz  {said}"


def test_chance_is_no_rate():
    """How often it happened to look is now more, now less; the rate is what it holds."""
    assert sampler(sampled(looks=93.0)).startswith("100 Hz  ")


def test_mixed_modes():
    """Where some windows were blocking and some not, their mean rate is said."""
    windows = [
        *run_of_windows(4, {}, end=NOW - 1, mode=Mode.NONBLOCKING, stopped_s=0.0),
        *run_of_windows(1, {}, rate_hz=50, stopped_s=0.02),
    ]
    assert sampler(snapshot(windows=windows)).startswith("90 Hz  mixed  stops it 0.4%  cover")


def test_why_it_looks_so_stands_last():
    """What the sampler says of its own choice follows its figures."""
    assert sampler(sampled(message="140 threads")).endswith("  140 threads")


def test_what_else_is_looked_for():
    """Idle threads and native frames among the samples are said beside the mode."""
    found = sampler(sampled(idle=True, native=True))
    assert found.startswith("100 Hz  blocking +idle +native  stops it")


def test_waits_for_a_cpu():
    """Where the target's threads wait for a CPU a tenth of the time, that is said of the target."""
    assert left(sampled(cpu_wait_s=0.25)).endswith("  cpu wait 25%  web-12")
    assert "cpu wait" not in left(sampled(cpu_wait_s=0.05))


def test_stops_that_nobody_counted():
    """Where the stops cannot be seen, that is said."""
    assert "stops it ?" in sampler(sampled())


def test_coverage_is_rounded_down():
    """What is not covered is never rounded away."""
    windows = [*run_of_windows(40, {}, end=NOW - 20.3), *run_of_windows(19, {})]
    found = sampler(snapshot(windows=windows, sources=[status("py-spy")]))
    assert "cover 97%" in found  # 59 of 60.3 s are 97.8 %


def test_only_the_last_minute_counts():
    """Errors of an hour ago say nothing about now."""
    windows = [
        *run_of_windows(5, {}, end=NOW - 61, errors=50),
        *run_of_windows(5, {"main": 10}),
    ]
    assert "err 0.0%" in sampler(snapshot(windows=windows))


def test_no_look_no_error_share():
    """Of windows without length nobody can say which part of the looks failed."""
    assert "err –" in sampler(snapshot(windows=[window(NOW - 1, NOW - 1)]))


@pytest.mark.parametrize(("cut", "said"), [(None, ""), (0, ""), (5, "cut 25%")])
def test_cut(cut: int | None, said: str):
    """Stacks that were cut are said, where there are any."""
    found = sampler(sampled(cut=cut))
    assert (said in found) if said else ("cut" not in found)


@pytest.mark.parametrize(("woken", "said"), [(None, ""), (0, ""), (5, "woke 20%")])
def test_woken(woken: int | None, said: str):
    """Samples of threads that the sampler woke are said, where there are any."""
    found = sampler(sampled(woken=woken))
    assert (said in found) if said else ("woke" not in found)


def test_a_failed_sampler():
    """A sampler that failed says since when, whatever it saw before."""
    assert sampler(sampled(SourceState.FAILED, "gone")) == "py-spy FAILED for 5 s"


def test_a_waiting_sampler():
    """Before the first window the sampler says what it waits for."""
    waiting = [status("py-spy", SourceState.WAITING, "the target\nis stopped")]
    assert sampler(snapshot(sources=waiting)) == "py-spy the target is stopped"
    assert sampler(snapshot()) == ""


def test_the_sampler_of_an_exited_target():
    """After the target's end the figures of its last minute stay."""
    windows = run_of_windows(10, {"main": 20})
    found = sampler(
        snapshot(
            taken_at=NOW + 3600,
            target_state=TargetState.EXITED,
            target_since=NOW,
            windows=windows,
        )
    )
    assert found == "100 Hz  blocking  stops it ?  cover 100%  err 0.0%"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(5, "up 5 s"), (59, "up 59 s"), (60, "up 1m "), (119, "up 1m "), (3600, "up 1h00m")],
)
def test_how_long_it_is_up(seconds: float, said: str):
    """From a minute on without seconds: the line stands still."""
    up = snapshot(target=process(started_at=NOW - seconds))
    assert said in header(up, None)[0] + " "
