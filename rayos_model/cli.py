"""The command `rayos`. Must not compute anything itself: it reads options, calls the package and shows the outcome."""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from importlib import resources
from pathlib import Path
from typing import Annotated, Final, Literal, NoReturn

import typer
from rich.table import Table

from rayos_model import __version__, baseline, cli_comparison, cli_planning, cli_replay, scenario
from rayos_model.cli_comparison import DEFAULT_HISTORY, HistoryOption
from rayos_model.errors import BadInput, PlatformFailure, RayosError
from rayos_model.progress import showing
from rayos_model.run import Run
from rayos_model.systems import System, execute
from rayos_model.terminal import console as _console
from rayos_model.terminal import print_json as _print_json

app = typer.Typer(
    name="rayos",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    help="""Test how the RayOS Wayland server holds up: on a simulation model, on a real kernel in QEMU, or on both.

Start with `rayos doctor`, then `rayos demo`.

Exit status: 0 passed · 1 a criterion failed · 2 bad input · 3 the platform failed · 130 interrupted.
""",
)
scenarios_app = typer.Typer(help="The scenarios that come with the package, and the schema for your own.")
markers_app = typer.Typer(no_args_is_help=True, help="The marker lines of serial-console logs.")
app.add_typer(scenarios_app, name="scenarios")
app.add_typer(markers_app, name="markers")
cli_comparison.register(app)
cli_planning.register(app)
cli_replay.register(app)

_INTERRUPTED: Final = 130

ScenarioArgument = Annotated[
    str, typer.Argument(metavar="SCENARIO", help="A shipped name, or the path of a TOML file.")
]
PlatformOption = Annotated[
    str, typer.Option(metavar="P", help="How the kernel is executed, or whose calibration the model uses.")
]
DurationOption = Annotated[
    float | None, typer.Option(metavar="SECONDS", help="Run this long instead of the scenario's duration.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output, nothing else.")]


def main() -> None:
    """Entry point: runs a command; errors become one line on standard error and an exit status, never a traceback."""
    try:
        status = app(standalone_mode=False) or 0
        if status == _INTERRUPTED:
            raise KeyboardInterrupt
        sys.exit(status)
    except typer.TyperException as error:
        message = " ".join(error.format_message().split()).replace("Value error, ", "")
        _fail(message or "a command is missing; see rayos --help", error.exit_code)
    except RayosError as error:
        notes = [*getattr(error, "__notes__", ())] if isinstance(error, PlatformFailure) else []
        _fail("\n".join([str(error), *notes]), error.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        _fail("interrupted; nothing incomplete is left, and finished points of a sweep are kept", _INTERRUPTED)


def _fail(text: str, status: int) -> NoReturn:
    print(f"rayos: {text}", file=sys.stderr)
    sys.exit(status)


@app.callback(invoke_without_command=True)
def _options(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    if version:
        print(f"rayos-model {__version__}")
        raise typer.Exit


@app.command()
def doctor() -> None:
    """Say what is installed, which platforms are usable and what to do about the rest."""
    from rayos_model.hardware import doctor as look

    table = Table(box=None)
    for heading in ("", "what", "found", "what to do"):
        table.add_column(heading)
    checks = look()
    for check in checks:
        state = "ok" if check.ok else ("MISSING" if check.required else "–")
        table.add_row(state, check.name, check.detail, check.advice)
    _console().print(table)
    if not all(check.ok for check in checks if check.required):
        raise typer.Exit(PlatformFailure.exit_code)


@app.command()
def demo() -> None:
    """Run the main job end to end: predict a scenario, measure it on the real kernel, compare.

    Takes less than a minute and leaves two runs and a report below `runs/`.
    """
    from rayos_model.calibration import load_calibration
    from rayos_model.crosscheck import CrossCheck, check_runs
    from rayos_model.report.html import runs_page, write_page
    from rayos_model.report.tables import crosscheck as crosscheck_table
    from rayos_model.report.tables import verdicts

    what = scenario.load("demo")
    console = _console()
    console.print(f"[bold]{what.name}[/]: {what.description}")
    runs = []
    for step, name in (("Predicting with the model", "model"), ("Measuring on the kernel in QEMU", "kernel")):
        console.print(f"{step} …")
        with showing() as progress:
            runs.append(execute(_system(name, "icount"), what, progress=progress(f"demo on {name}")))
    predicted, measured = runs
    agreement = check_runs(measured, predicted, load_calibration("icount").provenance.get("kernel_sha256"))
    check = CrossCheck(measured.platform, (agreement,)).to_dict()
    console.print(crosscheck_table(check["scenarios"][0]))
    for notice in agreement.notices:
        console.print(f"[bold]note:[/] {notice}")
    for one in runs:
        console.print(verdicts(one))
    page = measured.path.with_suffix(".html")
    write_page(page, runs_page(runs, check=check))
    passed = all(run.passed for run in runs)
    console.print(f"\n{'Every criterion holds on both.' if passed else 'A criterion FAILED; see the report.'}")
    console.print(f"Report: {page}\nRuns:   {runs[0].path}\n        {runs[1].path}", soft_wrap=True)
    console.print("Next:   rayos scenarios, then rayos run soak-4 --on kernel --duration 60")
    raise typer.Exit(0 if passed and agreement.ok else 1)


@app.command(epilog="Example: `rayos run soak-16 --on kernel --duration 60 --out runs/mine`")
def run(
    scenario_name: Annotated[
        str | None, typer.Argument(metavar="SCENARIO", help="A shipped name, or the path of a TOML file.")
    ] = None,
    on: Annotated[Literal["model", "kernel"] | None, typer.Option(help="The system to run it on.")] = None,
    platform: PlatformOption = "icount",
    duration: DurationOption = None,
    seed: Annotated[int | None, typer.Option(metavar="N", help="Another seed for all random draws.")] = None,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Where to; default: a new one below runs/.")] = None,
    image: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Boot this kernel, ISO or disk instead, and keep its marker log."),
    ] = None,
    timeout: Annotated[
        float, typer.Option(metavar="SECONDS", min=1, help="Wall time an image has to say that it is complete.")
    ] = 60.0,
    trace_points: Annotated[
        bool,
        typer.Option("--points", help="Keep every control-flow point: for timelines, hot paths and attribution."),
    ] = False,
    record: Annotated[
        bool, typer.Option("--record", help="Have QEMU record the run on the kernel, for `rayos replay`.")
    ] = False,
    save_baseline: Annotated[
        bool, typer.Option("--save-baseline", help="Keep a copy as what `rayos compare RUN` compares with.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Run a scenario on the model or on the kernel, judge it and keep the run.

    With --image, boot any image that prints the markers on its serial console instead, and check what it printed.
    Exit status 0 when every criterion holds, 1 when one fails.
    """
    if image is not None:
        if scenario_name is not None or on is not None or duration is not None or seed is not None:
            raise BadInput("--image boots what is in the image; leave out SCENARIO, --on, --duration and --seed")
        from rayos_model.foreign import run_image

        result = run_image(image, out, timeout)
    elif scenario_name is None or on is None:
        raise BadInput("expected SCENARIO and --on model or --on kernel, or --image FILE; see rayos run --help")
    else:
        if record and on != "kernel":
            raise BadInput("--record records the kernel in QEMU; expected --on kernel")
        what = scenario.load(scenario_name).with_overrides(duration_s=duration, seed=seed)
        with showing() as progress:
            result = execute(_system(on, platform, trace_points, record), what, out, progress(f"{what.name} on {on}"))
    if save_baseline:
        baseline.save(result)
    if as_json:
        _print_json(result.to_dict())
    else:
        from rayos_model.report.tables import metrics, verdicts

        console = _console()
        console.print(metrics([result]))
        console.print(verdicts(result))
        for violation in _violations(result):
            console.print(violation, soft_wrap=True)
        console.print(f"run: {result.path}", soft_wrap=True)
    raise typer.Exit(0 if result.passed else 1)


@app.command(epilog="Example: `rayos crosscheck validation/mixed-4 validation/mixed-16 --json`")
def crosscheck(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[SCENARIO]...", help="Shipped names or paths of TOML files.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="All shipped validation scenarios.")] = False,
    platform: PlatformOption = "icount",
    duration: DurationOption = None,
    recorded: Annotated[
        bool, typer.Option("--recorded", help="Compare with the kernel runs kept in calibration/; needs no QEMU.")
    ] = False,
    repeat: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            show_default="1; 5 on several processors, or where the platform has noise",
            help="Run both systems N times (1, 3 or more), each time with the next seed; compare the means.",
        ),
    ] = None,
    html: Annotated[Path | None, typer.Option(metavar="F", help="Write a self-contained page here as well.")] = None,
    history: HistoryOption = DEFAULT_HISTORY,
    as_json: JsonOption = False,
) -> None:
    """Run scenarios on both systems and compare: does the model predict the kernel within tolerance?

    Without QEMU the recorded kernel runs take the kernel's place, and a notice says so. Where one run is as good as
    another (several processors, `tcg`) both systems run several times, and a prediction is to be within tolerance of
    the kernel's mean or within the 95 % interval of its runs. On `tcg` and `kvm` short runs in between tell the host's
    pace, which predictions are made for.
    """
    if repeat == 2 or (recorded and (repeat or 1) > 1):
        raise BadInput("--repeat: expected 1, or 3 and more, runs of the kernel, not recorded ones")
    chosen = [*(names or []), *(f"validation/{name}" for name in scenario.shipped("validation") if every)]
    if not chosen:
        raise BadInput("no scenario named: give names or paths, or --all for the shipped validation scenarios")
    what = [scenario.load(name).with_overrides(duration_s=duration) for name in chosen]
    from rayos_model.api import host as host_of
    from rayos_model.calibration import load_calibration, load_recorded
    from rayos_model.crosscheck import crosscheck as compare
    from rayos_model.history import append

    calibrated = load_calibration(platform).provenance.get("kernel_sha256")
    if not recorded and not _has_qemu():
        recorded = True
        print("rayos: QEMU is not installed; comparing with recorded kernel runs (see rayos doctor)", file=sys.stderr)
    kernel = (lambda one: load_recorded(one, platform)) if recorded else _system("kernel", platform)
    host = None if recorded else host_of(platform)
    with showing() as progress:
        result = compare(what, _system("model", platform), kernel, platform, calibrated, progress, repeat, host)
    append(result, history)
    if as_json:
        _print_json(result.to_dict())
    else:
        from rayos_model.report.tables import crosscheck as table

        console = _console()
        for check in result.to_dict()["scenarios"]:
            console.print(table(check))
        for notice in dict.fromkeys(notice for check in result.scenarios for notice in check.notices):
            console.print(f"[bold]note:[/] {notice}")
    if html is not None:
        from rayos_model.report.html import crosscheck_page, write_page

        write_page(html, crosscheck_page(result.to_dict()))
    raise typer.Exit(0 if result.ok else 1)


@app.command()
def calibrate(
    platform: PlatformOption = "icount",
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where parameters and recorded runs go; default: calibration/.")
    ] = None,
) -> None:
    """Fit the model's parameters to kernel runs of the calibration scenarios.

    Then records the kernel's runs of the validation scenarios beside them, for `rayos crosscheck --recorded`.
    """
    from rayos_model.calibration import record
    from rayos_model.calibration.calibrate import calibrate as fit
    from rayos_model.calibration.store import calibration_root
    from rayos_model.hardware import KernelSystem

    target = out or calibration_root() / platform
    with showing() as progress, tempfile.TemporaryDirectory(prefix="rayos-validation-") as scratch:
        kernel = KernelSystem(platform, trace_points=True)
        parameters = fit(kernel, platform, target, progress, noisy=not kernel.platform.deterministic)
        for name in scenario.shipped("validation"):
            what = scenario.load_shipped(name)
            record(execute(KernelSystem(platform), what, Path(scratch, name), progress(name)), target)
    _console().print(f"{len(parameters.segments)} segment costs fitted: {target}", soft_wrap=True)


@app.command(epilog="Example: `rayos shrink failing.toml --on kernel --out smallest.toml`")
def shrink(
    scenario_name: ScenarioArgument,
    on: Annotated[Literal["model", "kernel"], typer.Option(help="The system it fails on.")],
    platform: PlatformOption = "icount",
    out: Annotated[Path | None, typer.Option(metavar="F", help="Where to; default: NAME-shrunk.toml here.")] = None,
    attempts: Annotated[int, typer.Option(metavar="N", min=2, help="Stop after this many runs.")] = 200,
) -> None:
    """Make a failing scenario small: fewer clients, shorter, fewer events, as long as it fails the same way.

    Leaves a scenario file with its seed; `rayos run` on it fails the same way.
    """
    from rayos_model.integration import to_toml
    from rayos_model.shrink import failures_of
    from rayos_model.shrink import shrink as smallest

    what = scenario.load(scenario_name)
    target = out or Path(f"{what.name}-shrunk.toml")
    if target.exists():
        raise BadInput(f"{target}: exists already; choose another --out or remove it")
    system = _system(on, platform)

    def show(smaller: scenario.Scenario, runs: int) -> None:
        print(f"{runs} runs: {smaller.client_count} clients, {smaller.duration_s:g} s", file=sys.stderr)

    found = smallest(what, lambda one: failures_of(system, one), attempts, show)
    aside = target.with_name(f".{target.name}.new")
    aside.write_text(f"# fails on the {on} by {found.failure}\n" + to_toml(found.scenario), encoding="utf-8")
    aside.replace(target)
    print(f"fails by {found.failure} with {found.scenario.client_count} clients in {found.scenario.duration_s:g} s")
    print(f"scenario: {target}")


@app.command(epilog="Example: `rayos report runs/demo-* --html report.html`")
def report(
    paths: Annotated[
        list[Path] | None, typer.Argument(metavar="[RUN]...", help="Directories that `rayos run` made.")
    ] = None,
    html: Annotated[Path | None, typer.Option(metavar="F", help="Write a self-contained page here as well.")] = None,
    calibration: Annotated[
        str | None, typer.Option(metavar="P", help="Report on the calibration of this platform instead.")
    ] = None,
) -> None:
    """Show runs side by side: verdicts and metrics, with figures in the page.

    Of the kernel's runs also how long locks were held and waited for. Of runs made with `--points` also where the CPU
    time went; in the page as a flame graph.

    With `--calibration`: how well the model's parameters are known, which of them the calibration runs cannot tell
    apart, and which of them each prediction depends on.
    """
    if calibration is not None:
        cli_comparison.report_calibration(calibration, html)
        return
    if not paths:
        raise BadInput("no run named: give directories of runs, or --calibration PLATFORM")
    from rayos_model.contention import contention
    from rayos_model.hot_paths import has_points, hot_paths
    from rayos_model.report import html as pages
    from rayos_model.report.tables import contention as contention_table
    from rayos_model.report.tables import hot_paths as hot_path_table
    from rayos_model.report.tables import metrics, verdicts

    runs = [Run.load(path) for path in paths]
    console = _console()
    for one in runs:
        console.print(verdicts(one))
    console.print(metrics(runs))
    for one in filter(has_points, runs):
        console.print(hot_path_table(hot_paths(one), one.label))
    for one, waits in ((one, contention(one)) for one in runs):
        if len(waits):
            console.print(contention_table(waits, one.label))
    if html is not None:
        pages.write_page(html, pages.runs_page(runs))
        console.print(f"page: {html}", soft_wrap=True)


@scenarios_app.callback(invoke_without_command=True)
def _scenarios(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        scenarios_list()


@scenarios_app.command("list")
def scenarios_list() -> None:
    """List the shipped scenarios."""
    table = Table(box=None)
    table.add_column("name", no_wrap=True)
    table.add_column("clients", justify="right")
    table.add_column("seconds", justify="right")
    table.add_column("what it tests")
    for category in ("", "calibration", "validation"):
        for name in scenario.shipped(category):
            one = scenario.load_shipped(name)
            shown = f"{category}/{name}" if category else name
            table.add_row(shown, str(one.client_count), f"{one.duration_s:g}", one.description)
    _console().print(table)


@scenarios_app.command("show")
def scenarios_show(name: ScenarioArgument) -> None:
    """Print a scenario's TOML: a start for one of your own."""
    scenario.load(name)
    path = Path(name)
    if path.suffix == ".toml":
        print(path.read_text(encoding="utf-8"), end="")
        return
    root = resources.files("rayos_model").joinpath("scenarios")
    folders = (root, root.joinpath("calibration"), root.joinpath("validation"))
    files = (folder.joinpath(f"{name.rpartition('/')[2]}.toml") for folder in folders)
    print(next(file for file in files if file.is_file()).read_text(encoding="utf-8"), end="")


@scenarios_app.command("schema")
def scenarios_schema() -> None:
    """Print the JSON Schema of scenario files, for your editor."""
    _print_json(scenario.json_schema())


@markers_app.command("check")
def markers_check(log: Annotated[Path, typer.Argument(metavar="LOG", help="A serial-console log.")]) -> None:
    """Check a log against the marker grammar: malformed markers with their lines, counts of all others.

    Exit status 1 when a marker is malformed or out of order.
    """
    from rayos_model.markers import order_problems, parse

    try:
        text = log.read_bytes().decode("utf-8", errors="replace")
    except OSError as error:
        raise BadInput(f"{log}: cannot read the log: {error.strerror or error}") from None
    parsed = parse(text)
    for name, count in sorted(Counter(marker.name for marker in parsed.markers).items()):
        print(f"{count:8} {name}")
    for family, count in sorted(Counter(item.family for item in parsed.unknown).items()):
        print(f"{count:8} {family} (unknown family)")
    problems = [*map(str, parsed.malformed), *order_problems(parsed)]
    for problem in problems:
        print(f"{log}: {problem}")
    print(f"{len(parsed.markers)} markers, {len(parsed.unknown)} unknown, {len(problems)} problems")
    raise typer.Exit(1 if problems else 0)


def _violations(run: Run) -> list[str]:
    """The rules a run breaks, each with the moments around the breach."""
    if not run.scenario.constraints:
        return []
    from rayos_model import markers
    from rayos_model.moments import KINDS, check, timeline

    moments = timeline(markers.parse(run.markers()), run.trace(*KINDS))
    return [str(violation) for violation in check(run.scenario.constraints, moments)]


def _has_qemu() -> bool:
    from rayos_model.hardware.failures import QemuMissing
    from rayos_model.hardware.qemu import find_qemu

    try:
        find_qemu()
    except QemuMissing:
        return False
    return True


def _system(name: str, platform: str, trace_points: bool = False, record: bool = False) -> System:
    if name == "kernel":
        from rayos_model.hardware import KernelSystem

        return KernelSystem(platform, trace_points, record=record)
    from rayos_model.calibration import load_calibration
    from rayos_model.model import ModelSystem

    return ModelSystem(load_calibration(platform), trace_points)


if __name__ == "__main__":
    main()
